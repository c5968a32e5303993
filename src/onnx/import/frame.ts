import { UserError } from '../../graph/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { ElementType } from './signature.ts';
import type { AttributeProto, NodeProto, TensorProto } from '../generated/onnx_pb.ts';

/** A name space: the main graph, the body of a branch (which sees what is around it), or a call of a function. */
export interface Frame {
  readonly producers: ReadonlyMap<string, NodeProto>;
  readonly initializers: ReadonlyMap<string, TensorProto>;
  /** Imported so far; null where an operator before it is unknown. */
  readonly values: Map<string, Tensor | null>;
  /** Types of elements as the file has them, by name: here halves and doubles are floats. */
  readonly types: Map<string, ElementType>;
  /** Nodes whose inputs are being imported: to meet one again is a cycle. */
  readonly open: Set<NodeProto>;
  readonly outer: Frame | undefined;
  /** Attributes of the call, which the nodes of a function refer to. */
  readonly bound: ReadonlyMap<string, AttributeProto>;
  readonly opset: number;
  /** Goes before the names of nodes and values: the calls that led here. */
  readonly prefix: string;
  readonly depth: number;
}

interface Body {
  readonly node: readonly NodeProto[];
  readonly initializer?: readonly TensorProto[];
}

/** @throws UserError where two values have one name. */
export function frameOf(
  { node, initializer = [] }: Body,
  given: ReadonlyMap<string, Tensor | null>,
  rest: Pick<Frame, 'outer' | 'bound' | 'opset' | 'prefix' | 'depth' | 'types'>,
  where: string,
): Frame {
  const initializers = new Map<string, TensorProto>();
  const producers = new Map<string, NodeProto>();
  const twice = (name: string): UserError =>
    new UserError(`${where}: wanted each value to have a name of its own, got two named "${rest.prefix}${name}"`);
  for (const one of initializer) {
    const name = one.name ?? '';
    if (initializers.has(name)) throw twice(name);
    initializers.set(name, one);
  }
  for (const one of node)
    for (const name of one.output) {
      if (name === '') continue;
      if (producers.has(name) || initializers.has(name) || given.has(name)) throw twice(name);
      producers.set(name, one);
    }
  return { producers, initializers, values: new Map(given), open: new Set(), ...rest };
}

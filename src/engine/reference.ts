import { Input, inputName } from '../graph/build.ts';
import { internal } from '../graph/errors.ts';
import { type NdArray, zeros } from '../graph/ndArray.ts';
import { sameShape, showShape } from '../graph/shape.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import type { DType } from '../graph/dtype.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { type Compiled, checkPorts, type Engine, type EngineTensor, type HostArray, hostArray } from './contract.ts';

/** The values of graph outputs in float64, from the operators' own definitions. Slow: for proofs and constants. */
export function evaluate(outputs: readonly Tensor[], feeds: ReadonlyMap<string, NdArray>): NdArray[] {
  const values = new Map<Node, readonly NdArray[]>();
  for (const node of topologicalOrder(outputs)) {
    const inputs = node.inputs.map((t) => t && values.get(t.node)![t.index]!);
    values.set(node, node.op === Input ? [fed(node, feeds)] : node.op.reference(inputs, node));
  }
  return outputs.map((t) => values.get(t.node)![t.index]!);
}

function fed(node: Node, feeds: ReadonlyMap<string, NdArray>): NdArray {
  const port = node.outputs[0]!;
  const value = feeds.get(inputName(port));
  if (!value) throw internal(`input ${inputName(port)} was not fed`);
  if (!sameShape(value.shape, port.shape))
    throw internal(`input ${inputName(port)}: wanted ${showShape(port.shape)}, got ${showShape(value.shape)}`);
  return { dtype: port.dtype, shape: port.shape, data: Float64Array.from(value.data) };
}

class ReferenceTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  data: HostArray;
  constructor(dtype: DType, shape: readonly number[], data: HostArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }
  read = async (): Promise<HostArray> => this.data;
  write = (values: HostArray): void => {
    this.data = values.slice();
  };
  dispose = (): void => undefined;
}

/** Floats stay float64 unless they are to be rounded, the other dtypes are what every engine gives. */
function toHost({ dtype, data }: NdArray, rounds: boolean): HostArray {
  if (dtype === 'float16') throw internal('the reference engine has no float16 ports');
  if (dtype === 'float32') return rounds ? Float32Array.from(data) : Float64Array.from(data);
  const out = hostArray(dtype, data.length);
  for (let i = 0; i < data.length; i++) out[i] = dtype === 'int64' ? BigInt(data[i]!) : data[i]!;
  return out;
}

/** The float64 interpreter as an engine. With `rounds` what a program gives is float32, as it is saved. */
export function referenceEngine({ rounds = false }: { readonly rounds?: boolean } = {}): Engine {
  const tensor = (dtype: DType, shape: readonly number[], data: HostArray): EngineTensor =>
    new ReferenceTensor(dtype, shape, data);
  const compile: Engine['compile'] = async (program): Promise<Compiled> => ({
    run: async (feeds, into) => {
      checkPorts(program, feeds, into);
      const given = new Map<string, NdArray>();
      for (const [name, value] of Object.entries(feeds))
        given.set(name, {
          dtype: value.dtype,
          shape: value.shape,
          data: Float64Array.from((value as ReferenceTensor).data as ArrayLike<number | bigint>, Number),
        });
      const wanted = Object.keys(into);
      const results = evaluate(
        wanted.map((name) => program.outputs.get(name)!),
        given,
      );
      results.forEach((result, i) => {
        (into[wanted[i]!] as ReferenceTensor).data = toHost(result, rounds);
      });
    },
    dispose: async () => undefined,
  });
  return {
    name: 'reference',
    compile,
    tensor,
    empty: (dtype, shape) => tensor(dtype, shape, toHost(zeros(shape, dtype), rounds)),
  };
}

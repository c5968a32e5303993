import { BuildError } from '../../graph/errors.ts';
import type { NdArray } from '../../graph/ndArray.ts';
import {
  type AttributeProto,
  AttributeProto_AttributeType as Type,
  type GraphProto,
  type TensorProto,
} from '../generated/onnx_pb.ts';

/** The attributes of a node, read by name with the standard's default; one of another type is refused. */
export class Attributes {
  readonly #held: ReadonlyMap<string, AttributeProto>;
  readonly #tensor: (proto: TensorProto) => NdArray;

  constructor(held: ReadonlyMap<string, AttributeProto>, tensor: (proto: TensorProto) => NdArray) {
    this.#held = held;
    this.#tensor = tensor;
  }

  has(name: string): boolean {
    return this.#held.has(name);
  }

  int<T extends number | undefined>(name: string, fallback: T): number | T {
    const found = this.#find(name, Type.INT);
    return found ? Number(found.i ?? 0n) : fallback;
  }

  float<T extends number | undefined>(name: string, fallback: T): number | T {
    const found = this.#find(name, Type.FLOAT);
    return found ? (found.f ?? 0) : fallback;
  }

  text(name: string, fallback: string): string {
    const found = this.#find(name, Type.STRING);
    return found ? new TextDecoder().decode(found.s) : fallback;
  }

  ints(name: string): number[] | undefined {
    return this.#find(name, Type.INTS)?.ints.map(Number);
  }

  floats(name: string): number[] | undefined {
    return this.#find(name, Type.FLOATS)?.floats;
  }

  tensor(name: string): NdArray | undefined {
    const found = this.#find(name, Type.TENSOR);
    return found?.t && this.#tensor(found.t);
  }

  graph(name: string): GraphProto {
    const found = this.#find(name, Type.GRAPH);
    if (!found?.g) throw new BuildError(`the attribute ${name} is missing`);
    return found.g;
  }

  #find(name: string, type: Type): AttributeProto | undefined {
    const found = this.#held.get(name);
    // Writers of the first format version left the type out.
    if (!found || found.type === type || found.type === undefined || found.type === Type.UNDEFINED) return found;
    throw new BuildError(`the attribute ${name} must be ${Type[type]}, got ${Type[found.type] ?? found.type}`);
  }
}

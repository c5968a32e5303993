import type { NdArray } from '../../graph/ndArray.ts';
import { UserError } from '../../graph/errors.ts';
import type { FunctionProto, GraphProto, ModelProto, TensorProto } from '../generated/onnx_pb.ts';
import { decodeModel } from './decode.ts';
import { type ReadExternal, readTensor } from './tensorData.ts';

/** A decoded ONNX file; its weights are read when they are first needed, once. */
export class OnnxFile {
  readonly where: string;
  readonly bytes: Uint8Array;
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly functions: ReadonlyMap<string, FunctionProto>;
  readonly #external: ReadExternal;
  readonly #tensors = new Map<TensorProto, NdArray>();

  /** @throws UserError if the bytes are not an ONNX model that can be read. */
  constructor(bytes: Uint8Array, where: string, external: ReadExternal = noExternal(where)) {
    this.where = where;
    this.bytes = bytes;
    this.model = decodeModel(bytes, where);
    this.graph = this.model.graph!;
    this.#external = external;
    const functions = new Map<string, FunctionProto>();
    for (const one of this.model.functions) {
      const key = operatorKey(one.domain, one.name, one.overload);
      if (functions.has(key)) throw new UserError(`${where}: wanted one definition of the function ${key}, got two`);
      functions.set(key, one);
    }
    this.functions = functions;
  }

  tensor(proto: TensorProto): NdArray {
    let found = this.#tensors.get(proto);
    if (!found) {
      found = readTensor(proto, this.where, this.#external);
      this.#tensors.set(proto, found);
    }
    return found;
  }
}

/** `Add`, `com.microsoft::Gelu`, `domain::name:overload`: the standard's own domain is left out. */
export function operatorKey(domain = '', name = '', overload = ''): string {
  const own = domain === '' || domain === 'ai.onnx';
  return `${own ? '' : `${domain}::`}${name}${overload === '' ? '' : `:${overload}`}`;
}

function noExternal(where: string): ReadExternal {
  return ({ name }) => {
    throw new UserError(`${where}: tensor "${name ?? ''}" lies in another file, which bytes in memory cannot have`);
  };
}

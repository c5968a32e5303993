import { fromBinary } from '@bufbuild/protobuf';
import { UserError } from '../../graph/errors.ts';
import { type ModelProto, ModelProtoSchema } from '../generated/onnx_pb.ts';
import { checkSize } from './wireScan.ts';

/** The range of ai.onnx operator sets whose operators are known here. */
export const OPSETS = { oldest: 11, newest: 21 } as const;

/**
 * The messages of an ONNX file. Weights stay views of `bytes`.
 * @throws UserError if the bytes are not a whole ONNX model of operator set 11 to 21, or are built to exhaust memory.
 */
export function decodeModel(bytes: Uint8Array, where: string): ModelProto {
  const model = readMessages(bytes, where);
  if (!model.graph || model.graph.node.length === 0)
    throw new UserError(`${where}: wanted an ONNX model, got a file without a graph. Is it another kind of file?`);
  if (model.graph.sparseInitializer.length > 0) {
    const name = model.graph.sparseInitializer[0]!.values?.name ?? '';
    throw new UserError(
      `${where}: sparse weights ("${name}") are not supported; wanted dense initialisers. Export the model without sparse tensors`,
    );
  }
  checkOpset(model, where);
  return model;
}

function readMessages(bytes: Uint8Array, where: string): ModelProto {
  checkSize(bytes, ModelProtoSchema, where);
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw new UserError(
      `${where}: wanted an ONNX model, got bytes that do not parse as one (${(error as Error).message}). Was the file cut off, or is it another kind of file?`,
      { cause: error },
    );
  }
}

function checkOpset({ opsetImport }: ModelProto, where: string): void {
  const version = Number(opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0n);
  if (version >= OPSETS.oldest && version <= OPSETS.newest) return;
  const got = version === 0 ? 'none' : String(version);
  // The exporters that write newer sets (dynamo) begin at 18.
  const again = version > OPSETS.newest ? 18 : 17;
  throw new UserError(
    `${where}: wanted ONNX operator set (opset) ${OPSETS.oldest} to ${OPSETS.newest}, got ${got}. Export again with opset_version=${again}, or convert the file with onnx.version_converter`,
  );
}

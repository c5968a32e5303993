import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import type { NdArray } from '../../src/graph/ndArray.ts';
import { TensorProtoSchema } from '../../src/onnx/generated/onnx_pb.ts';
import { OPSETS } from '../../src/onnx/import/decode.ts';
import { OnnxFile, operatorKey } from '../../src/onnx/import/onnxFile.ts';
import { readTensor } from '../../src/onnx/import/tensorData.ts';

/** Operators alone, and graphs of a few; those that PyTorch wrote are of operator set 6 and older. */
const GROUPS = ['node', 'simple'];

/** One model of the ONNX project's own tests, with inputs and what its reference gives for them. */
export interface OnnxCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly operators: readonly string[];
  readonly inputs: () => ReadonlyMap<string, NdArray>;
  readonly outputs: () => ReadonlyMap<string, NdArray>;
}

/** The cases of operator sets that are read. */
export function onnxCases(folder: string): OnnxCase[] {
  return GROUPS.flatMap((group) =>
    readdirSync(join(folder, group))
      .sort()
      .flatMap((name) => caseOf(join(folder, group, name), name)),
  );
}

function caseOf(folder: string, name: string): OnnxCase[] {
  const bytes = readFileSync(join(folder, 'model.onnx'));
  let file: OnnxFile;
  try {
    file = new OnnxFile(bytes, name);
  } catch (error) {
    // Of another operator set: what this says is tested elsewhere.
    if (String(error).includes(`opset) ${OPSETS.oldest} to`)) return [];
    throw error;
  }
  const { graph } = file;
  const values = (kind: 'input' | 'output') =>
    new Map(
      graph[kind].flatMap((port, i) => {
        const path = join(folder, 'test_data_set_0', `${kind}_${i}.pb`);
        return existsSync(path) ? [[port.name!, tensorIn(path)] as const] : [];
      }),
    );
  const operators = graph.node.map(({ domain, opType }) => operatorKey(domain, opType));
  return [{ name, bytes, operators, inputs: () => values('input'), outputs: () => values('output') }];
}

const tensorIn = (path: string): NdArray =>
  readTensor(fromBinary(TensorProtoSchema, readFileSync(path)), path, () => {
    throw new Error(`${path} has its data in another file`);
  });

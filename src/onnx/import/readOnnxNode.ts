import { readFileSync, statSync } from 'node:fs';
import { UserError } from '../../graph/errors.ts';
import { externalFiles } from './externalDataNode.ts';
import { OnnxFile } from './onnxFile.ts';

/** What one protocol buffer may hold; larger models keep their weights in a file of their own. */
const MAX_BYTES = 2 ** 31 - 1;

/** @throws UserError if there is no such file or it is not an ONNX model that can be read. */
export function readOnnx(path: string): OnnxFile {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`${path}: no such file; wanted an ONNX model`);
  if (!stat.isFile())
    throw new UserError(`${path}: wanted an ONNX model, got ${stat.isDirectory() ? 'a folder' : 'no regular file'}`);
  if (stat.size === 0 || stat.size > MAX_BYTES)
    throw new UserError(`${path}: wanted an ONNX model of 1 to ${MAX_BYTES} bytes, got ${stat.size} bytes`);
  return new OnnxFile(readFileSync(path), path, externalFiles(path));
}

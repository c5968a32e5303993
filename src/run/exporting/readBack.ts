import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { readModelFolder } from '../../formats/modelFolderNode.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import { UserError } from '../../graph/errors.ts';
import { type Dtype, ONNX_FILES } from './files.ts';

/**
 * What is told as written is what the disk gives back, not what was handed to it.
 * @throws UserError where a file of an export is not what was written.
 */
export async function readBack(dir: string, saved: SavedModel, files: ReadonlyMap<Dtype, Uint8Array>): Promise<void> {
  try {
    const found = await readModelFolder(dir);
    const same = [...saved.weights].every(([name, { data }]) => {
      const held = found.weights.get(name)?.data;
      return held !== undefined && Buffer.from(bytesOf(held)).equals(bytesOf(data));
    });
    if (!same) throw changed(dir, 'model.safetensors');
    for (const [dtype, bytes] of files)
      if (!(await readFile(join(dir, ONNX_FILES[dtype]))).equals(bytes)) throw changed(dir, ONNX_FILES[dtype]);
    await stat(join(dir, 'README.md'));
  } catch (error) {
    throw fileError(error, dir, 'read back what was written');
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const changed = (dir: string, file: string): UserError =>
  new UserError(
    `${join(dir, file)}: wanted to read back what was written, got other bytes. Something else writes there, or the disk fails: delete ${dir}, and export again`,
  );

import { bytesOf } from '../../formats/disk/content.ts';
import { plainVit } from '../../formats/plainVit.ts';
import { requireClassifier } from '../../program/evalProgram.ts';
import { loadOwnModel, type ModelSource } from '../models/modelSourceWeb.ts';
import { exportContents } from './contents.ts';
import { type Dtype, onnxFile, parseDtypes } from './files.ts';

export interface WebExportOptions {
  /** One or more of fp32, fp16, q8, joined by commas; fp32 unless told. */
  readonly dtype?: string;
}

/**
 * The files of an exported model folder by their paths, as `understudy export` writes them: to zip and download, or to give to
 * transformers.js. They are not checked against real images: `understudy verify` does that.
 * @throws UserError for whatever cannot be exported.
 */
export async function exportWeb(
  source: ModelSource,
  { dtype = 'fp32' }: WebExportOptions = {},
): Promise<Map<string, Uint8Array>> {
  const model = await loadOwnModel(source);
  requireClassifier(model.network, model.path);
  const saved = plainVit(model);
  const files = new Map<Dtype, Uint8Array>(parseDtypes(dtype).map((one) => [one, onnxFile(saved, one)]));
  const written = new Map<string, Uint8Array>();
  for (const [path, content] of exportContents(saved, files)) written.set(path, await bytesOf(content));
  return written;
}

import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { replaceFolderAtomic, writeFileAtomic } from '../formats/atomicNode.ts';
import { type SavedModel, writeModelFolder } from '../formats/modelFolderNode.ts';
import { emit } from '../onnx/emit.ts';
import { portable } from '../onnx/portable.ts';
import { buildModel } from '../models/index.ts';
import { frozenProgram } from '../program/evalProgram.ts';

/** A prime that divides no extent of a real model: it stands for the open batch dimension while the graph is built. */
const OPEN_BATCH = 10007;

/** The ONNX file of a model: `pixel_values` float32 [batch,3,S,S] -> `logits` [batch,K], standard operators only. */
export function onnxFile(saved: SavedModel): Uint8Array {
  const program = portable(frozenProgram(buildModel(saved.model), saved.weights, OPEN_BATCH));
  return emit(program, { openBatch: OPEN_BATCH, metadata: { classes: JSON.stringify(saved.classes) } });
}

/** Writes an exported model folder (Hugging Face layout), whole or not at all. */
export async function writeExport(dir: string, saved: SavedModel): Promise<void> {
  await replaceFolderAtomic(dir, async (folder) => {
    await writeModelFolder(folder, saved);
    await mkdir(join(folder, 'onnx'), { recursive: true });
    await writeFileAtomic(join(folder, 'onnx', 'model.onnx'), onnxFile(saved));
  });
}

import type { Content } from '../../formats/disk/content.ts';
import { modelContents } from '../../formats/modelContents.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import type { FileCheck } from './agreement.ts';
import { type Dtype, ONNX_FILES, onnxFile } from './files.ts';
import { featureCard } from './featureCard.ts';
import { modelCard, type Origin } from './modelCard.ts';

/** The files of an exported model folder (Hugging Face layout): safetensors, ONNX, configurations and a model card. */
export function exportContents(
  saved: SavedModel,
  files: ReadonlyMap<Dtype, Uint8Array> = new Map([['fp32', onnxFile(saved)]]),
  checks: readonly FileCheck[] = [],
  origin?: Origin | null,
): Map<string, Content> {
  const contents = modelContents(saved, { forTransformers: true });
  for (const [dtype, bytes] of files) contents.set(ONNX_FILES[dtype], bytes);
  contents.set(
    'README.md',
    (saved.classes.length === 0 ? featureCard : modelCard)(saved, [...files.keys()], checks, origin),
  );
  return contents;
}

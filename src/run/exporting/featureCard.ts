import { geometryText } from '../../formats/preprocessing/geometry.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import type { FileCheck } from './agreement.ts';
import { type Dtype, ONNX_FILES } from './files.ts';
import { describe, type Origin, trained } from './modelCard.ts';

/** README.md of an exported model without a classifier: what its embedding is, and how to get it. */
export function featureCard(
  { model, preprocessing }: SavedModel,
  dtypes: readonly Dtype[],
  _checks: readonly FileCheck[],
  origin?: Origin | null,
): string {
  const { imageSize, mean, std, filter = 'bicubic' } = preprocessing;
  const shown = ONNX_FILES[dtypes.includes('fp32') ? 'fp32' : dtypes[0]!];
  return `---
pipeline_tag: image-feature-extraction
tags:
  - understudy
  - ${model.family}
---

# ${describe(model)}

Trained with Understudy, without a classifier: it gives an embedding of an image. Images that are alike have embeddings with a large
cosine.

${origin ? `${trained(origin)}\n\n` : ''}Input \`pixel_values\` float32 [batch, 3, ${imageSize}, ${imageSize}]; output \`embedding\` float32 [batch, D], not normalised.
Images: RGB, ${geometryText(preprocessing, filter)}, then (x / 255 - mean) / std
with mean [${mean.join(', ')}] and std [${std.join(', ')}].

| file | dtype |
|---|---|
${dtypes.map((dtype) => `| \`${ONNX_FILES[dtype]}\` | ${dtype} |`).join('\n')}

## In Node

\`\`\`js
import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { preprocess } from 'understudy/browser';

const config = JSON.parse(await readFile('preprocessor_config.json', 'utf8'));
const session = await InferenceSession.create('${shown}');
const input = preprocess(pixels, config); // { data, width, height, channels } or the ImageData of a canvas
const { height, width } = config.crop_size ?? config.size;
const { embedding } = await session.run({ pixel_values: new Tensor('float32', input, [1, 3, height, width]) });
\`\`\`

A classifier on it: \`understudy train --data DIR --init FOLDER\`. A teacher: \`understudy distill --teacher FOLDER --method embed\`.
`;
}

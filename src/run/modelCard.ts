import type { SavedModel } from '../formats/modelFolderNode.ts';
import type { ModelConfig } from '../models/index.ts';

/** README.md of an exported model: what it is, how images become its input, how to run it. */
export function modelCard(saved: SavedModel): string {
  const { model, classes, preprocessing } = saved;
  const { imageSize, mean, std, evalCropRatio } = preprocessing;
  const shown =
    classes.length > 20 ? `${classes.slice(0, 20).join(', ')}, ... (config.json has all)` : classes.join(', ');
  return `---
library_name: transformers.js
pipeline_tag: image-classification
tags:
  - understudy
  - ${model.family}
---

# ${describe(model)}

Trained with Understudy. ${classes.length} classes: ${shown}.

Input \`pixel_values\` float32 [batch, 3, ${imageSize}, ${imageSize}]; output \`logits\` float32 [batch, ${classes.length}].
Images: RGB, shorter side to ${Math.round(imageSize / evalCropRatio)} px (bicubic), centre crop of ${imageSize} px, then (x / 255 - mean) / std
with mean [${mean.join(', ')}] and std [${std.join(', ')}].

${portability(model)}

## transformers.js

\`\`\`js
import { pipeline } from '@huggingface/transformers';

const classify = await pipeline('image-classification', 'PATH-OR-NAME-OF-THIS-MODEL', { dtype: 'fp32' });
console.log(await classify('image.jpg'));
\`\`\`

## Understudy

\`\`\`js
import { loadModel } from 'understudy';

const model = await loadModel('PATH-OF-THIS-FOLDER');
console.log(await model.predict('image.jpg'));
await model.dispose();
\`\`\`
`;
}

/** One line: family and size. */
export function describe(model: ModelConfig): string {
  if (model.family === 'regnet')
    return `RegNetY, depths ${model.depths.join('-')}, widths ${model.widths.join('-')}, ${model.imageSize} px`;
  if (model.family === 'resnet')
    return `ResNet, ${model.depths.join('-')} ${model.block} blocks, ${model.imageSize} px`;
  const kind =
    model.mhca && model.mhca.layers > 0
      ? 'Vision Transformer with MHCA'
      : model.distToken
        ? 'DeiT'
        : 'Vision Transformer';
  return `${kind}, width ${model.width}, depth ${model.depth}, ${model.heads === 1 ? '1 head' : `${model.heads} heads`}, patch ${model.patchSize}, ${model.imageSize} px`;
}

function portability(model: ModelConfig): string {
  if (model.family === 'vit' && model.mhca && model.mhca.layers > 0)
    return 'Its first blocks have MHCA layers, so it is no plain ViT: only the ONNX file is portable. `model.safetensors` has our own names\nand loads in Understudy.';
  return '`onnx/model.onnx` runs in every ONNX runtime. `model.safetensors` has the parameter names of timm (ViT, RegNet) or torchvision (ResNet).';
}

/**
 * DeiT III, arXiv 2204.07118; github.com/facebookresearch/deit, README_revenge.md.
 *   understudy train --config deit3-small --data imagenet
 * Published ImageNet-1k top-1: S 81.4 at 224 px, trained on ImageNet-1k alone for 800 epochs.
 * Not applied: see notApplied; no setting is missing. B, L and H are trained at lower resolutions first and finetuned at 224: no recipe here.
 * Our choice: the gradient's norm is clipped to 1 because apex' FusedLAMB, the optimiser of that code, does so by default.
 */
import { ADAMW, commandOf, EVERY_UPDATE, IMAGENET_CROPS, mixedBy64, type Recipe, REPEATED_ROWS } from './recipe.ts';

export const DEIT3: readonly Recipe[] = [
  {
    name: 'deit3-small',
    source: 'DeiT III, arXiv 2204.07118; github.com/facebookresearch/deit',
    command: commandOf('deit3-small', false),
    published: '81.4',
    teacher: null,
    notApplied: [EVERY_UPDATE, mixedBy64('8 GPUs x 256'), REPEATED_ROWS],
    config: {
      student: {
        name: 'deit3_small_patch16_224',
        imageSize: 224,
        settings: { dropPath: 0.05, dropPathForm: 'constant' },
      },
      method: 'supervised',
      methods: { supervised: { loss: 'bce', labelSmoothing: 0 } },
      augment: { ...IMAGENET_CROPS, preset: 'deit3', evalCropRatio: 1 },
      // 2048 images an update, as 32 times 64.
      optim: { ...ADAMW, name: 'lamb', lr: 4e-3, warmupEpochs: 5, clipNorm: 1 },
      train: { batch: 64, accumulate: 32, epochs: 800, ema: null },
    },
  },
];

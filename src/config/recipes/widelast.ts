/**
 * WideLast and Lift, ICML 2026 (arXiv 2511.15572), with the settings of github.com/thy960112/From-Per-Image-Low-Rank-to-Encoding-Mismatch.
 *   understudy distill --config widelast-deit-tiny --data imagenet --teacher TEACHER
 * Published ImageNet-1k top-1 of a DeiT-Ti: WideLast 78.23 (75.54 without a teacher, with features alone 77.15), Lift with the
 * spectral loss 77.53 (75.41 without a teacher); a plain DeiT-Ti by the same recipe 74.86. The students have 7.31 and 5.98 million
 * parameters, a plain DeiT-Ti 5.72: compare with the same student without a teacher.
 * Not applied: see notApplied. Its teacher is a CaiT, which is read from an ONNX file; the features are those of its last block of
 * patches (the 24th), before the class-attention blocks.
 */
import { deitStudent } from './deit.ts';
import { ADAMW, commandOf, EVERY_UPDATE, IMAGENET_CROPS, type Recipe, REPEATED_ROWS } from './recipe.ts';

const FORMS = {
  widelast: { published: '78.23 (75.54 without a teacher)', methods: { widen: 'lastBlock', loss: 'mse' } },
  lift: { published: '77.53 (75.41 without a teacher)', methods: { widen: 'lift', loss: 'spectral' } },
} as const;

const recipe = (form: keyof typeof FORMS): Recipe => ({
  name: `${form}-deit-tiny`,
  source: 'WideLast and Lift, arXiv 2511.15572',
  command: commandOf(`${form}-deit-tiny`, true),
  published: FORMS[form].published,
  teacher:
    'CaiT-S24 at 224 px (width 384, 14 x 14 patches) as an ONNX file; any ViT of that width and grid works, with other results',
  notApplied: [EVERY_UPDATE, REPEATED_ROWS],
  config: {
    student: { ...deitStudent('tiny'), settings: { dropPath: 0 } },
    method: 'widelast',
    methods: { widelast: { ...FORMS[form].methods, featureWeight: 0.2, alpha: 0.9, tau: 1, labelSmoothing: 0.1 } },
    augment: { ...IMAGENET_CROPS, preset: 'deit', mixup: 0, cutmix: 0 },
    optim: { ...ADAMW, lr: (5e-4 * 2048) / 512, warmupEpochs: 5, clipNorm: null },
    // 2048 images an update, as 32 times 64.
    train: { batch: 64, accumulate: 32, epochs: 300, ema: null },
  },
});

export const WIDELAST: readonly Recipe[] = [recipe('widelast'), recipe('lift')];

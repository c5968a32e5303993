/**
 * VkD, CVPR 2024 (arXiv 2403.06213), with the settings of github.com/roymiles/VkD (6f8a507).
 *   understudy distill --config vkd-deit-tiny --data imagenet --teacher TEACHER
 * Published ImageNet-1k top-1: Ti 78.3, S 82.3 (the code's README has 79.2 and 82.9 later), teacher RegNetY-16GF of DeiT's authors;
 * with other weights of the same network about 0.5 less (theirs). Their student has a convolution stem, so that these numbers are not those of a plain DeiT.
 * Not applied: see notApplied. Not a slip: the learning rate does not grow with the batch (their code computes that and does not use it), and there is no warm-up.
 */
import { deitStudent, REGNET } from './deit.ts';
import { ADAMW, commandOf, IMAGENET_CROPS, mixedBy64, type Recipe } from './recipe.ts';

const PUBLISHED = { tiny: '78.3', small: '82.3' } as const;

const recipe = (size: 'tiny' | 'small'): Recipe => ({
  name: `vkd-deit-${size}`,
  source: 'VkD, arXiv 2403.06213; github.com/roymiles/VkD',
  command: commandOf(`vkd-deit-${size}`, true),
  published: `${PUBLISHED[size]} (student with a convolution stem)`,
  teacher: REGNET,
  notApplied: [
    'the student is a plain distilled DeiT (theirs has a stem of four convolutions, and a distillation token that is the mean of the patch embeddings)',
    'the projector is kept orthonormal by a step back after each update (theirs: a product of Householder reflections with a fixed base)',
    mixedBy64('one GPU x 512'),
  ],
  config: {
    student: { ...deitStudent(size, true), settings: { dropPath: 0 } },
    method: 'vkd',
    methods: { vkd: { featureWeight: 1, kdWeight: 1, tau: 1, normalise: 'teacherLN', labelSmoothing: 0.1 } },
    augment: { ...IMAGENET_CROPS, preset: 'deit3', evalCropRatio: 0.875, repeats: 1 },
    optim: { ...ADAMW, lr: 5e-4, minLr: 5e-6, warmupEpochs: 0, clipNorm: null },
    // 512 images an update, as 8 times 64.
    train: { batch: 64, accumulate: 8, epochs: 300, ema: null },
  },
});

export const VKD: readonly Recipe[] = [recipe('tiny'), recipe('small')];

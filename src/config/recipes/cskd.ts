/**
 * CSKD, ICCV 2023 (arXiv 2307.08500), with the settings of github.com/Zzzzz1/CSKD (fa0d8b8): DeiT's recipe without drop path.
 *   understudy distill --config cskd-deit-tiny --data imagenet --teacher TEACHER
 * Published ImageNet-1k top-1: Ti / S / B 76.3 / 82.3 / 83.8, hard DeiT 74.5 / 81.2 / 83.4; these are of three heads averaged, which
 * costs the last block of all tokens at test time: compare with a DeiT by the class head alone (class_head_top1) as well.
 * Not applied: see notApplied. Not a slip: the hard loss at 7 x 7 places weighs 1, DeiT's two terms 0.5 each.
 */
import { deitRecipe, deitStudent, REGNET } from './deit.ts';
import {
  commandOf,
  EVERY_UPDATE,
  mixedBy64,
  type Recipe,
  REPEATED_ROWS,
  SIZES,
  type Size,
  TOKEN_DECAY,
} from './recipe.ts';

/** Micro-batches of 64 images in an update, and the rate that belongs to them: 5e-4 x images / 512. */
const UPDATES = { tiny: 16, small: 8, base: 4 } as const;
const PUBLISHED = { tiny: '76.3', small: '82.3', base: '83.8' } as const;

function recipe(size: Size): Recipe {
  const { augment, optim, train } = deitRecipe(300);
  return {
    name: `cskd-deit-${size}`,
    source: 'CSKD, arXiv 2307.08500; github.com/Zzzzz1/CSKD',
    command: commandOf(`cskd-deit-${size}`, true),
    published: `${PUBLISHED[size]} (three heads averaged)`,
    teacher: REGNET,
    notApplied: [EVERY_UPDATE, mixedBy64(`${64 * UPDATES[size]} on their GPUs`), REPEATED_ROWS, TOKEN_DECAY],
    config: {
      student: { ...deitStudent(size, true), settings: { dropPath: 0 } },
      method: 'cskd',
      methods: {
        cskd: { kind: 'hard', fuse: 'linear', weight: 1, alpha: 0.5, inference: 'three', labelSmoothing: 0.1 },
      },
      augment,
      optim: { ...optim, lr: (5e-4 * 64 * UPDATES[size]) / 512 },
      train: { ...train, accumulate: UPDATES[size] },
    },
  };
}

export const CSKD: readonly Recipe[] = SIZES.map(recipe);

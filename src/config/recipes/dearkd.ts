/**
 * DearKD, CVPR 2022, arXiv 2204.12997, doi 10.1109/CVPR52688.2022.01174, on DeiT's recipe.
 *   understudy distill --config dearkd-deit-tiny-50 --data imagenet --teacher TEACHER
 * Published ImageNet-1k top-1: Ti 74.8 with all images (77.0 in 1000 epochs), 72.3 with half of them; the others are not known to us.
 * Our choice: all that the paper's formulas would fix (losses, aligner, MHCA, 250 of 300 epochs in stage I); they could not be obtained.
 * Not applied: see notApplied; no setting of DeiT's recipe is missing. The teacher RegNetY-16GF is not part of the recipe: give its weights (timm's regnety_160) with --teacher; another CNN has other results.
 */
import { deitDifferences, deitRecipe, deitStudent, REGNET } from './deit.ts';
import { commandOf, type Recipe, SIZES, type Size } from './recipe.ts';

const PUBLISHED: Readonly<Record<string, string>> = { 'tiny-100': '74.8', 'tiny-50': '72.3', 'tiny-100-1000': '77.0' };
const UNKNOWN = 'not known to us; all images: said to be 0.2 to 0.4 points above hard-distilled DeiT';

const RECONSTRUCTED =
  "losses, aligner, MHCA and the stages' lengths are our reconstruction (the paper's formulas could not be obtained)";

/** The share of each class, in percent; the same epochs for all, so that fewer images are fewer updates. */
function recipe(size: Size, percent: number, epochs: 300 | 1000): Recipe {
  const variant = `${size}-${percent}${epochs === 300 ? '' : '-1000'}`;
  const name = `dearkd-deit-${variant}`;
  return {
    name,
    source: 'DearKD, CVPR 2022, arXiv 2204.12997; settings of DeiT; formulas: our reconstruction',
    command: commandOf(name, true),
    published: PUBLISHED[variant] ?? UNKNOWN,
    teacher: REGNET,
    notApplied: [RECONSTRUCTED, ...deitDifferences(size)],
    config: {
      data: { fraction: percent / 100 },
      student: deitStudent(size),
      method: 'dearkd',
      methods: {
        dearkd: {
          alpha: 0.5,
          beta: 'auto',
          logitKd: 'hard',
          distToken: false,
          pairs: 'auto',
          mhca: 'auto',
          stageOne: 5 / 6,
          labelSmoothing: 0.1,
        },
        supervised: { labelSmoothing: 0.1 },
      },
      ...deitRecipe(epochs),
    },
  };
}

export const DEARKD: readonly Recipe[] = [
  ...SIZES.flatMap((size) => [10, 25, 50, 100].map((percent) => recipe(size, percent, 300))),
  recipe('tiny', 100, 1000),
];

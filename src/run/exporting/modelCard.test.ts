import { expect, test } from 'vitest';
import { variantConfig } from '../../models/index.ts';
import { modelCard, type Origin } from './modelCard.ts';

const saved = {
  model: variantConfig('vit_pico_patch4', { classes: 2, imageSize: 28 }),
  classes: ['a', 'b'],
  weights: new Map(),
  preprocessing: { imageSize: 28, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 },
} as const;

const setup: Origin['setup'] = {
  ...{ student: 'vit_pico_patch4', parameters: 1, macs: 1, imageSize: 28, imagesPerStep: 5, steps: 9, choices: [] },
  ...{ teacher: 'runs/teacher', method: 'kd', data: 'photos', trainImages: 70, epochs: 3, seed: 1 },
};
const cardOf = (origin?: Origin) => modelCard(saved, ['fp32'], [], origin);

test('the card says teacher, method and data, and the accuracy on all validation images of the run', () => {
  const metrics = { 'val_ema/top1': 0.876, 'teacher/top1': 0.9 };
  expect(cardOf({ setup, ema: true, metrics, images: 40, truth: 'labels' })).toContain(
    'How: kd from the teacher `runs/teacher`, on 70 images of `photos` (3 epochs, seed 1). top-1 on the 40 validation images of that run: 87.60 %; the teacher has 90.00 %.',
  );
});

test('the card says what the model costs and who answers; an accuracy of heads averaged is told apart from the class head’s', () => {
  const of = (settings: object) => {
    const model = variantConfig('vit_pico_patch4', { classes: 2, imageSize: 28, ...settings });
    const metrics = { 'val/top1': 0.876, 'val/class_head_top1': 0.85 };
    return modelCard({ ...saved, model }, ['fp32'], [], { setup, ema: false, metrics, images: 40, truth: 'labels' });
  };
  const [one, two, three] = [of({}), of({ distToken: true }), of({ distToken: true, patchVote: true })];
  expect(one).toMatch(/^Size: 141 k parameters, [\d.]+ M multiply-accumulates an image\.$/m);
  expect(one).toContain("parameter names of transformers'\n`ViTForImageClassification`");
  expect(two).toMatch(/an image\. It answers with the mean of two heads\.$/m);
  expect(two).toContain("parameter names of transformers'\n`DeiTForImageClassificationWithTeacher`");
  expect(three).toMatch(
    /mean of three votes: the class head, the distillation head, and the distillation head over the patches\.$/m,
  );
  expect(three).toContain('# DeiT with three votes, width 64');
  expect(three).toContain('Its patches have a vote, so it is no plain DeiT: only the ONNX files are portable.');
  expect(three).toContain('87.60 % (all heads averaged; the class head alone 85.00 %)');
  const macs = (card: string) => Number(/, ([\d.]+) M multiply/.exec(card)![1]);
  // All patches of the last block are computed for the third vote.
  expect(macs(three)).toBeGreaterThan(1.1 * macs(two));
});

test('without a teacher, of several classes an image, without labels', () => {
  const alone = { ...setup, teacher: null, method: 'supervised' };
  const card = cardOf({ setup: alone, ema: false, metrics: { 'val/map': 0.5 }, images: 40, truth: 'labels' });
  expect(card).toContain('How: supervised, on 70 images of `photos` (3 epochs, seed 1). mAP on the 40');
  expect(card).toContain('50.00 %.\n');
  const unlabelled = cardOf({
    setup,
    ema: false,
    metrics: { 'val/teacher_agreement': 0.75 },
    images: 40,
    truth: 'teacher',
  });
  expect(unlabelled).toContain('It agrees with the teacher on 75.00 % of the 40 validation images of that run.');
});

test('of a model of no run nothing is said that is not known', () => {
  expect(cardOf()).not.toContain('How:');
});

import { expect, it } from 'vitest';
import { type AnsweredImages, detailsOf, measureOf, type RunSetup, withFullNames } from './details.ts';

const HEAD = { step: 1, epoch: 1, ema: false, metrics: { 'val/top1': 0.5 }, setup: {} as RunSetup };
const answers = (decisions: number[], confidences: number[]) => ({
  decisions: Int32Array.from(decisions),
  confidences: Float32Array.from(confidences),
});
const IMAGES: AnsweredImages = {
  classes: ['a', 'b'],
  paths: ['0.png', '1.png', '2.png', '3.png', '4.png'],
  labels: Int32Array.from([0, 0, 1, 1, 0]),
  // 0: both right. 1: only the teacher. 2: only the student. 3: neither. 4: cannot be read.
  student: answers([0, 1, 1, 0, -1], [0.5, 0.75, 0.5, 1, 0]),
  teacher: answers([0, 0, 0, 0, -1], [0.5, 1, 0.75, 0.5, 0]),
  divergences: Float32Array.from([0.1, 2, 3, 0.5, 9]),
};

it('tells who is right, and the images of the largest KL first, without those that could not be read', () => {
  const found = detailsOf(HEAD, IMAGES);
  expect(found).toMatchObject({ images: 4, truth: 'labels', right: { both: 1, student: 1, teacher: 1, neither: 1 } });
  expect(found.differing.map(({ path }) => path)).toEqual(['2.png', '1.png', '3.png', '0.png']);
  expect(found.differing[1]).toEqual({
    path: '1.png',
    label: 'a',
    student: { class: 'b', probability: 0.75 },
    teacher: { class: 'a', probability: 1 },
    kl: 2,
  });
  expect(found.scores.map(({ recall, teacherRecall }) => [recall, teacherRecall])).toEqual([
    [0.5, 1],
    [0.5, 0],
  ]);
  expect(found.calibration!.teacher).not.toBeNull();
});

it('without a teacher it shows the mistakes, the surest first', () => {
  const { right, differing, calibration } = detailsOf(HEAD, { ...IMAGES, teacher: undefined, divergences: undefined });
  expect(right).toBeNull();
  expect(calibration!.teacher).toBeNull();
  expect(differing.map(({ path, teacher, kl }) => [path, teacher, kl])).toEqual([
    ['3.png', null, null],
    ['1.png', null, null],
  ]);
});

it('without labels the teacher stands for the truth, and there is no calibration', () => {
  const found = detailsOf(HEAD, { ...IMAGES, labels: new Int32Array(5).fill(-1) });
  expect(found).toMatchObject({ truth: 'teacher', right: null, calibration: null });
  expect(found.confusion).toEqual([
    [0, 0, 2],
    [0, 1, 2],
  ]);
  expect(found.differing[0]).toMatchObject({ path: '2.png', label: null });
});

it('measures are found by their full names, also in files of older runs, which left them out', () => {
  const older = { ema: true, metrics: { top1: 0.5, teacher_agreement: 0.7, teacher_top1: 0.9, teacher_map: 0.8 } };
  const now = {
    'val_ema/top1': 0.5,
    'val_ema/teacher_agreement': 0.7,
    'teacher/top1': 0.9,
    'teacher/map': 0.8,
  };
  expect(withFullNames(older)).toEqual({ ema: true, metrics: now });
  expect(withFullNames(withFullNames(older))).toEqual({ ema: true, metrics: now });
  expect(withFullNames({ ...older, ema: false }).metrics).toMatchObject({ 'val/top1': 0.5, 'teacher/top1': 0.9 });
  const read = withFullNames(older);
  expect(['top1', 'teacher/top1', 'ece'].map((name) => measureOf(read, name))).toEqual([0.5, 0.9, undefined]);
});

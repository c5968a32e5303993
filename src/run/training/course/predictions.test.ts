import { expect, it } from 'vitest';
import type { RunData } from '../../datasets/runData.ts';
import { predictionsCsv } from './predictions.ts';

const val = { root: 'photos', paths: ['a.png', 'b.png', 'c.png'], labels: Int32Array.of(1, -1, 0) };
const data = { classes: ['cat', 'dog'], val } as unknown as RunData;
const student = { decisions: Int32Array.of(1, 0, -1), confidences: Float32Array.of(0.75, 0.5, 0) };
const teacher = { decisions: Int32Array.of(0, 0, 1), confidences: Float32Array.of(0.625, 0.875, 1) };

it('what student and teacher say of each image is a table', () => {
  expect(predictionsCsv(data, student)).toBe(
    'image,class,prediction,probability\nphotos/a.png,dog,dog,0.750000\nphotos/b.png,,cat,0.500000\nphotos/c.png,cat,,\n',
  );
  expect(predictionsCsv(data, student, teacher)).toBe(
    'image,class,prediction,probability,teacher,teacher_probability\nphotos/a.png,dog,dog,0.750000,cat,0.625000\nphotos/b.png,,cat,0.500000,cat,0.875000\nphotos/c.png,cat,,,dog,1.00000\n',
  );
});

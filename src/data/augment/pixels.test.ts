import { expect, it } from 'vitest';
import { flipHorizontal } from './flip.ts';
import { normalise, normaliseTable } from './normalise.ts';
import { cropPixels } from './pixels.ts';

const image = { data: Uint8Array.from({ length: 18 }, (_, i) => i * 10), width: 3, height: 2 };

it('cropPixels copies the box', () => {
  const crop = cropPixels(image, { left: 1, top: 1, width: 2, height: 1 });
  expect(crop).toEqual({ data: Uint8Array.of(120, 130, 140, 150, 160, 170), width: 2, height: 1 });
});

it('flipHorizontal mirrors rows, keeps channels in order and leaves its input alone', () => {
  const before = image.data.slice();
  expect([...flipHorizontal(image).data.subarray(0, 9)]).toEqual([60, 70, 80, 30, 40, 50, 0, 10, 20]);
  expect(flipHorizontal(flipHorizontal(image))).toEqual(image);
  expect(image.data).toEqual(before);
});

it('normalise writes (x / 255 - mean) / std in planes, at the offset', () => {
  const [mean, std] = [[0.1, 0.2, 0.3] as const, [0.5, 0.25, 2] as const];
  const out = new Float32Array(20).fill(-9);
  normalise(image, normaliseTable(mean, std), out, 1);
  expect([out[0], out[19]]).toEqual([-9, -9]);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < 6; i++)
      expect(out[1 + c * 6 + i]).toBe(Math.fround((image.data[i * 3 + c]! / 255 - mean[c]!) / std[c]!));
});

import { expect, it } from 'vitest';
import { centerCrop } from './centerCrop.ts';

it('resizes the shorter side to size / ratio and cuts the centre, as torchvision does', () => {
  // torchvision: Resize(256) of 500 x 375 is 341 x 256; CenterCrop(224): round(58.5) = 58, round(16.0) = 16.
  expect(centerCrop(500, 375, 224, 0.875)).toEqual({
    resized: { width: 341, height: 256 },
    box: { left: 58, top: 16, width: 224, height: 224 },
  });
  // 375 x 507 -> 256 x int(346.1); offset 61. An odd half: 227 - 224 = 3 -> round(1.5) = 2.
  expect(centerCrop(375, 507, 224, 0.875).box).toMatchObject({ left: 16, top: 61 });
  expect(centerCrop(227, 300, 224, 224 / 227).box.left).toBe(2);
});

it('gives the whole of a square image for ratio 1', () => {
  expect(centerCrop(28, 28, 28, 1)).toEqual({
    resized: { width: 28, height: 28 },
    box: { left: 0, top: 0, width: 28, height: 28 },
  });
});

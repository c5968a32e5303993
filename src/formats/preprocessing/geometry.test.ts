import { expect, it } from 'vitest';
import { fitGeometry, type Geometry, geometryOf, geometryText, placeSquare } from './geometry.ts';

const usual = (imageSize: number, evalCropRatio: number) => geometryOf({ imageSize, evalCropRatio });

it('resizes the shorter side to floor(size / ratio) and cuts the centre, as torchvision and timm do', () => {
  // torchvision: Resize(256) of 500 x 375 is 341 x 256; CenterCrop(224): round(58.5) = 58, round(16.0) = 16.
  expect(placeSquare(500, 375, 224, usual(224, 0.875))).toEqual({
    resized: { width: 341, height: 256 },
    box: { left: 58, top: 16, width: 224, height: 224 },
  });
  // 375 x 507 -> 256 x int(346.1); offset 61. An odd half: 227 - 224 = 3 -> round(1.5) = 2.
  expect(placeSquare(375, 507, 224, usual(224, 0.875)).box).toMatchObject({ left: 16, top: 61 });
  expect(placeSquare(227, 300, 224, { resize: { to: 'shorter', side: 227 }, centre: 'even' }).box.left).toBe(2);
  expect(placeSquare(227, 300, 224, { resize: { to: 'shorter', side: 227 }, centre: 'floor' }).box.left).toBe(1);
});

it.each([
  // math.floor(img_size / crop_pct) of timm: rounding gives 249, 236, 110, 183 and 439.
  [224, 0.9, 248],
  [224, 0.95, 235],
  [96, 0.875, 109],
  [160, 0.875, 182],
  [384, 0.875, 438],
  [224, 0.875, 256],
  [288, 0.95, 303],
])('resizes for %i px at a ratio of %f to %i px', (size, ratio, side) => {
  expect(placeSquare(1000, 1000, size, usual(size, ratio)).resized).toEqual({ width: side, height: side });
});

it('gives the whole of a square image for ratio 1', () => {
  expect(placeSquare(28, 28, 28, usual(28, 1))).toEqual({
    resized: { width: 28, height: 28 },
    box: { left: 0, top: 0, width: 28, height: 28 },
  });
});

it('grows what is resized to with the input', () => {
  const squash: Geometry = { resize: { to: 'exactly', width: 256, height: 256 }, centre: 'floor' };
  expect(fitGeometry(squash, 224, 224)).toBe(squash);
  expect(fitGeometry(squash, 224, 384).resize).toEqual({ to: 'exactly', width: 438, height: 438 });
  expect(fitGeometry(usual(224, 0.9), 224, 112).resize).toEqual({ to: 'shorter', side: 124 });
});

it('refuses an image of another size where nothing is resized, and says each geometry in words', () => {
  const asIs: Geometry = { resize: { to: 'nothing', cut: false }, centre: 'floor' };
  expect(() => placeSquare(40, 25, 32, asIs)).toThrow(/wanted an image of 32 x 32 px, got 40 x 25: .*do_resize/);
  const text = (geometry: Geometry) => geometryText({ imageSize: 32, evalCropRatio: 1, geometry }, 'box');
  expect(
    [
      asIs,
      { ...asIs, resize: { to: 'nothing', cut: true } } as const,
      { resize: { to: 'exactly', width: 32, height: 32 }, centre: 'floor' } as const,
      { resize: { to: 'exactly', width: 36, height: 36 }, centre: 'floor' } as const,
      { resize: { to: 'longer', side: 32 }, centre: 'even', fill: [1, 2, 3] } as const,
      usual(32, 0.875),
    ].map(text),
  ).toEqual([
    'not resized: images must have 32 x 32 px',
    'not resized, centre crop of 32 px',
    'resized to 32 x 32 px whatever its shape (box)',
    'resized to 36 x 36 px whatever its shape (box), centre crop of 32 px',
    'longer side to 32 px (box), laid on a square of 32 px of the colour 1 2 3',
    'shorter side to 36 px (box), centre crop of 32 px',
  ]);
});

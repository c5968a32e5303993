import { expect, it } from 'vitest';
import { readPath, writePaths } from './loaderShared.ts';

it('a path table gives each path back, whatever its letters', () => {
  const paths = ['a/1.jpg', 'é/ü.png', '画像/一.webp', '\u{1F600}/x.gif', '', 'z'];
  const table = writePaths({ root: '/r', paths, labels: new Int32Array(paths.length) });
  expect(paths.map((_, i) => readPath(table, i))).toEqual(paths);
});

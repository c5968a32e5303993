import { describe, expect, it } from 'vitest';
import { compareCodePoints, type ImageList, splitList, subset } from './dataset.ts';

const counts = [40, 20, 10, 2, 1];

function makeList(): ImageList {
  const labels = counts.flatMap((n, label) => new Array<number>(n).fill(label));
  return { root: '/r', paths: labels.map((_, i) => `p${i}`), labels: Int32Array.from(labels) };
}

const tally = (list: ImageList) => counts.map((_, label) => list.labels.filter((x) => x === label).length);

describe('compareCodePoints', () => {
  it('orders as Python does, not by locale and not by UTF-16 unit', () => {
    const names = ['b', 'a', 'B', 'é', 'z', '10', '9', '\u{1F600}', '！', 'ab', ''];
    expect(names.sort(compareCodePoints)).toEqual(['', '10', '9', 'B', 'a', 'ab', 'b', 'z', 'é', '！', '\u{1F600}']);
  });
});

describe('splitList', () => {
  it('takes its share of each class, at least one of two, none of one', () => {
    const { train, val } = splitList(makeList(), 0.2, 1);
    expect(tally(val)).toEqual([8, 4, 2, 1, 0]);
    expect(tally(train)).toEqual([32, 16, 8, 1, 1]);
  });

  it('puts each image on one side, with its own label, in list order', () => {
    const list = makeList();
    const { train, val } = splitList(list, 0.2, 1);
    const number = (path: string) => Number(path.slice(1));
    for (const part of [train, val]) {
      expect([...part.labels]).toEqual(part.paths.map((path) => list.labels[number(path)]));
      expect(part.paths.map(number)).toEqual(part.paths.map(number).sort((a, b) => a - b));
    }
    expect([...train.paths, ...val.paths].sort()).toEqual([...list.paths].sort());
  });

  it('depends on the seed and on nothing else', () => {
    const val = (seed: number) => splitList(makeList(), 0.2, seed).val.paths;
    expect(val(1)).toEqual(val(1));
    expect(val(2)).not.toEqual(val(1));
  });

  it('leaves val empty for 0 and never empties a class', () => {
    expect(splitList(makeList(), 0, 1).val.paths).toEqual([]);
    expect(tally(splitList(makeList(), 0.99, 1).train)).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('subset', () => {
  it('is nested', () => {
    let smaller: readonly string[] = [];
    for (const fraction of [0.05, 0.1, 0.25, 0.5, 0.9, 1]) {
      const { paths } = subset(makeList(), { fraction }, 3);
      expect(paths.length).toBe(Math.round(fraction * 73));
      expect(paths).toEqual(expect.arrayContaining([...smaller]));
      smaller = paths;
    }
  });

  it('holds each class in proportion', () => {
    for (const count of [12, 25, 40, 60]) {
      for (const [label, n] of tally(subset(makeList(), { count }, 3)).entries())
        expect(Math.abs(n - (count * counts[label]!) / 73)).toBeLessThanOrEqual(2);
    }
    expect(tally(subset(makeList(), { count: 5 }, 3))).toEqual([1, 1, 1, 1, 1]);
  });

  it('depends on the seed, and takes any count', () => {
    const paths = (seed: number, count = 20) => subset(makeList(), { count }, seed).paths;
    expect(paths(1)).toEqual(paths(1));
    expect(paths(2)).not.toEqual(paths(1));
    expect(paths(1, 1000)).toEqual(makeList().paths);
  });
});

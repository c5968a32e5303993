import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import { buildModel } from '../models/index.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { stream } from '../random/stream.ts';
import { adaptiveAveragePool, adaptiveAveragePoolLast } from './adaptivePool.ts';
import { aligner } from './aligner.ts';
import { initialValue } from './initialise.ts';
import { inputStore, Scope } from './scope.ts';

const D = 4;
const drawn = (shape: readonly number[], key: string) => {
  const random = stream('aligner', key);
  return ndArray(shape, Float64Array.from({ length: sizeOf(shape) }, random.normal));
};

function align(
  grid: { rows: number; columns: number; prefix: number },
  map: readonly [number, number, number],
  classToken = true,
) {
  const store = inputStore();
  const tokens = input('tokens', [2, grid.prefix + grid.rows * grid.columns, D]);
  const y = aligner(new Scope(store, true), tokens, grid, map, classToken);
  const feeds = new Map<string, NdArray>([
    ['tokens', drawn(tokens.shape, 'tokens')],
    ...[...store.params.values()].map((spec): [string, NdArray] => [
      spec.name,
      ndArray(spec.shape, initialValue(spec, 1)),
    ]),
  ]);
  return { y, tokens, feeds };
}

/** How much each token of the first image moves a random sum of the output, as the length of its gradient. */
function reach({ y, tokens, feeds }: ReturnType<typeof align>): number[] {
  const [g] = evaluate(
    grad(reduceSum(mul(y, input('dy', y.shape))), [tokens]),
    new Map([...feeds, ['dy', drawn(y.shape, 'dy')]]),
  );
  const N = tokens.shape[1]!;
  return Array.from({ length: N }, (_, i) => Math.hypot(...Array.from(g!.data).slice(i * D, (i + 1) * D)));
}

describe('aligner', () => {
  const teacher = buildModel({
    family: 'resnet',
    imageSize: 24,
    stem: 'small',
    block: 'basic',
    depths: [1, 1, 1],
    widths: [3, 5, 7],
    classes: 2,
  });
  const { maps } = teacher.build(new Scope(inputStore(), false), input('pixels', [2, 3, 24, 24]));

  it.each(Object.entries(maps!))('fits stage %s of a ResNet', (_, map) => {
    const [, C, h, w] = map.shape as [number, number, number, number];
    const built = align({ rows: 6, columns: 6, prefix: 1 }, [C, h, w]);
    expect(built.y.shape).toEqual(map.shape);
    expect(Math.min(...reach(built))).toBeGreaterThan(1e-6);
  });

  it.each([
    { rows: 2, columns: 3, prefix: 1, map: [5, 4, 6] },
    { rows: 2, columns: 3, prefix: 2, map: [5, 3, 5] },
    { rows: 4, columns: 2, prefix: 1, map: [3, 2, 1] },
    { rows: 1, columns: 5, prefix: 1, map: [3, 7, 7] },
  ] as const)('fits a grid of $rows x $columns to a map of $map', ({ map, ...grid }) => {
    const built = align(grid, map);
    expect(built.y.shape).toEqual([2, ...map]);
    const [cls, ...rest] = reach(built);
    expect(cls).toBeGreaterThan(1e-6);
    // A distillation token, second, is not used; every patch is.
    const patches = rest.slice(grid.prefix - 1);
    expect(Math.min(...patches)).toBeGreaterThan(1e-6);
    if (grid.prefix === 2) expect(rest[0]).toBe(0);
  });

  it('keeps the class token out where it is told to', () => {
    const [cls, ...patches] = reach(align({ rows: 2, columns: 2, prefix: 1 }, [3, 4, 4], false));
    expect(cls).toBe(0);
    expect(Math.min(...patches)).toBeGreaterThan(1e-6);
  });

  it('averages down as torch.nn.AdaptiveAvgPool2d does', () => {
    const x = input('x', [1, 1, 3, 4]);
    const [y] = evaluate(
      [adaptiveAveragePool(x, 2, 3)],
      new Map([['x', ndArray(x.shape, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])]]),
    );
    // Rows 0-1 and 1-2; columns 0-1, 1-2, 2-3.
    expect(Array.from(y!.data)).toEqual([3.5, 4.5, 5.5, 7.5, 8.5, 9.5]);
    const last = input('last', [1, 3, 4, 2]);
    const [z] = evaluate(
      [adaptiveAveragePoolLast(last, 2, 3)],
      new Map([
        [
          'last',
          ndArray(
            last.shape,
            Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? i / 2 + 1 : -i)),
          ),
        ],
      ]),
    );
    expect(Array.from(z!.data).filter((_, i) => i % 2 === 0)).toEqual([3.5, 4.5, 5.5, 7.5, 8.5, 9.5]);
    expect(Array.from(z!.data).filter((_, i) => i % 2 === 1)).toEqual([-6, -8, -10, -14, -16, -18]);
  });
});

import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { fromFunction } from '../graph/ndArray.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { denseOfMap, denseOfTokens } from './dense.ts';
import { buildModel, modelConfigSchema, variantConfig } from './index.ts';

describe('dense features', () => {
  it('the first tokens are cut, and a map is read row by row', () => {
    const x = input('x', [1, 5, 2]);
    const values = fromFunction([1, 5, 2], (_, i) => i);
    const [patches] = evaluate([denseOfTokens(x, { rows: 2, columns: 2, prefix: 1 }).tokens], new Map([['x', values]]));
    expect([patches!.shape, [...patches!.data]]).toEqual([
      [1, 4, 2],
      [2, 3, 4, 5, 6, 7, 8, 9],
    ]);
    const map = denseOfMap(input('m', [1, 2, 2, 3]));
    const [places] = evaluate([map.tokens], new Map([['m', fromFunction([1, 2, 2, 3], (_, i) => i)]]));
    expect([map.rows, map.columns, [...places!.data]]).toEqual([2, 3, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]]);
  });

  it.each([
    ['vit_pico_patch4', { width: 8, depth: 1, heads: 2, distToken: true }, 8, [4, 8]],
    ['vit_pico_patch4', { width: 8, depth: 1, heads: 2, classToken: false, pool: 'mean' }, 8, [4, 8]],
    ['resnet8_small', { widths: [4, 4, 6] }, 6, [4, 6]],
  ] as const)('%s %j has both, of the widths that its last layer has', (name, settings, width, dense) => {
    const model = buildModel(variantConfig(name, { imageSize: 8, classes: 3, ...settings }));
    expect(model.features).toEqual(expect.arrayContaining(['embedding', 'dense']));
    const found = model.build(new Scope(inputStore(), false), input('x', [2, 3, 8, 8]));
    expect(found.embedding!.shape).toEqual([2, width]);
    expect([found.dense!.tokens.shape, found.dense!.rows, found.dense!.columns]).toEqual([[2, ...dense], 2, 2]);
  });

  it.each([
    ['clip_vision_model', true],
    ['siglip_vision_model', true],
    ['dinov2', undefined],
  ] as const)('those of %s say little of their places: %s', (kind, weak) => {
    const model = buildModel(
      modelConfigSchema.parse({
        ...{
          family: 'encoder',
          kind,
          imageSize: 8,
          patchSize: 4,
          width: 8,
          depth: 1,
          heads: 2,
          hidden: 16,
          classes: 0,
          normEpsilon: 1e-6,
        },
      }),
    );
    expect(model.build(new Scope(inputStore(), false), input('x', [1, 3, 8, 8])).dense!.weak).toBe(weak);
  });
});

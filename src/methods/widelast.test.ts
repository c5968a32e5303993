import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { buildModel, type Features, type ModelConfig, variantConfig } from '../models/index.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { modelSize } from '../run/models/size.ts';
import { widelast } from './widelast.ts';

const tiny = variantConfig('deit_tiny_patch16_224', { classes: 1000 });
const teacherOf = (width: number): Features => ({ logits: input('l', [1, 2]), tokens: [input('t', [1, 197, width])] });
const shaped = (config: object, teacher: Features | undefined = teacherOf(384), student: ModelConfig = tiny) =>
  widelast.shapeStudent!(widelast.config.parse(config), student, teacher);
const sizeOf = (shape: object) => modelSize({ ...tiny, ...shape } as ModelConfig);

describe('the student', () => {
  it('DeiT-Ti of a teacher of width 384 has the parameters of the page, and more to compute', () => {
    const [plain, wide, lift] = [sizeOf({}), sizeOf(shaped({})), sizeOf(shaped({ widen: 'lift' }))];
    expect([plain.parameters, wide.parameters, lift.parameters]).toEqual([5_717_416, 7_313_896, 5_983_528]);
    // Each of the 196 patches and the class token is widened. The rest of the last block is computed for the class token alone.
    const widening = 197 * 192 * 384;
    for (const { macs } of [wide, lift]) expect(macs - plain.macs).toBeGreaterThan(widening);
  });

  it('keeps the width of a head; takes what the user wrote', () => {
    expect(shaped({})).toEqual({ lastBlocks: [{ width: 384, heads: 6 }] });
    expect(shaped({ heads: 12 })).toEqual({ lastBlocks: [{ width: 384, heads: 12 }] });
    expect(shaped({}, teacherOf(1000))).toEqual({ lastBlocks: [{ width: 1000, heads: 10 }] });
    expect(shaped({ widen: 'lift' })).toEqual({ lift: 384, pool: 'mean' });
  });

  it('stays as it is where there is nothing to widen', () => {
    expect(shaped({}, teacherOf(192))).toEqual({});
    expect(shaped({ widen: 'none' })).toEqual({});
    expect(shaped({}, { logits: input('l', [1, 2]) })).toEqual({});
  });

  it('refuses widths that do not go together, by the setting', () => {
    const built = (shape: object) => () => buildModel({ ...tiny, ...shape } as ModelConfig);
    expect(built({ lastBlocks: [{ width: 100, heads: 3 }] })).toThrow('got 100 and 3');
    expect(built({ lastBlocks: new Array(13).fill({ width: 192, heads: 3 }) })).toThrow('at most the 12 blocks');
    expect(built({ lift: 384 })).toThrow('wanted pool mean and poolNorm false, got token and false');
  });

  it('with [I; 0] as its widening gives finite tokens of the wide block’s width', () => {
    const config = variantConfig('vit_pico_patch4', { imageSize: 8, classes: 2, width: 8, depth: 2, heads: 2 });
    const wide = buildModel({ ...config, lastBlocks: [{ width: 12, heads: 3 }] } as ModelConfig);
    const store = inputStore('', ({ name, shape }) =>
      floats(
        shape,
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
          if (name === 'blocks.1.widen.proj.weight') return Number(Math.floor(i / 8) === i % 8);
          return Math.sin(i + name.length);
        }),
      ),
    );
    const features = wide.build(new Scope(store, false), input('pixels', [1, 3, 8, 8]));
    expect(store.params.get('blocks.1.widen.proj.weight')!.shape).toEqual([12, 8]);
    expect(features.attention!.map(({ shape }) => shape[1])).toEqual([2, 3]);
    const pixels = ndArray(
      [1, 3, 8, 8],
      Array.from({ length: 192 }, (_, i) => Math.cos(i)),
    );
    const [tokens] = evaluate([features.tokens!.at(-1)!], new Map([['pixels', pixels]]));
    expect(tokens!.shape).toEqual([1, 5, 12]);
    expect(Array.from(tokens!.data).every(Number.isFinite)).toBe(true);
  });
});

describe('the loss', () => {
  const grid = { rows: 2, columns: 2, prefix: 1 };
  const feature = (student: Features, teacher: Features, config: object = {}) =>
    widelast.loss({
      scope: new Scope(inputStore(), true),
      student,
      teacher,
      targets: undefined,
      config: widelast.config.parse({ alpha: 1, ...config }),
    }).feature!;
  const side = (width: number, more: object = {}): Features => ({
    logits: input('l', [1, 2]),
    tokens: [input('other', [1, 5, 3]), input('t', [1, 5, width])],
    grid,
    ...more,
  });

  it.each(['mse', 'spectral'])('%s is 0 for a student that copies the teacher', (loss) => {
    const { value, weight } = feature(side(6), side(6), { loss });
    const tokens = ndArray(
      [1, 5, 6],
      Array.from({ length: 30 }, (_, i) => Math.sin(i)),
    );
    expect(evaluate([value], new Map([['t', tokens]]))[0]!.data[0]).toBe(0);
    expect(weight).toBe(0.2);
  });

  it('refuses other widths, grids and blocks, and projects nothing', () => {
    expect(() => feature(side(4), side(6))).toThrow('got 4 (student) and 6 (teacher)');
    expect(() => feature(side(6), side(6, { grid: { rows: 4, columns: 1, prefix: 1 } }))).toThrow(
      'got 2 x 2 (student) and 4 x 1',
    );
    expect(() => feature(side(6), side(6), { teacherBlock: 2 })).toThrow('the teacher has blocks 0 to 1, got 2');
    expect(feature(side(3, { norm: input('n', [1, 5, 6]) }), side(6), { widen: 'lift' }).weight).toBe(0.2);
  });

  it('asks only for what it reads', () => {
    const needs = (config: object) => widelast.needs(widelast.config.parse(config));
    expect(needs({})).toEqual({ student: ['tokens', 'logits'], teacher: ['tokens', 'logits'], labels: 'any' });
    expect(needs({ alpha: 0, widen: 'lift' })).toEqual({
      student: ['norm', 'logits'],
      teacher: ['tokens'],
      labels: 'any',
    });
    expect(needs({ alpha: 1 }).labels).toBe('none');
  });
});

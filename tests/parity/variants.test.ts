import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recogniseModel } from '../../src/formats/recogniseModel.ts';
import { buildModel, VARIANTS, variantConfig } from '../../src/models/index.ts';
import { modelParams } from '../../src/program/evalProgram.ts';

/** Shapes of torchvision's parameters, counted (tests/golden/makeVariants.py). */
const TORCHVISION = JSON.parse(
  readFileSync(new URL('../golden/models/variants.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, number>>;

/** RegNetY by timm's and pycls' formula (the same file). */
const REGNETS = JSON.parse(readFileSync(new URL('../golden/models/regnets.json', import.meta.url), 'utf8')) as Record<
  string,
  { depths: number[]; widths: number[]; parameters: number }
>;

function shapesOf(name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { role, shape } of modelParams(buildModel(variantConfig(name, { classes: 1000 })))) {
    if (role !== 'param') continue;
    const key = shape.join('x');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const parametersOf = (name: string): number =>
  Object.entries(shapesOf(name)).reduce(
    (sum, [shape, count]) => sum + count * shape.split('x').reduce((product, n) => product * Number(n), 1),
    0,
  );

describe('the table of models', () => {
  it.each(Object.keys(TORCHVISION))("%s has the parameters of torchvision's", (name) => {
    expect(shapesOf(name)).toEqual(TORCHVISION[name]);
  });

  it.each(Object.keys(VARIANTS).filter((name) => name.startsWith('regnety')))("%s has timm's form", (name) => {
    const { depths, widths, parameters } = REGNETS[name]!;
    expect(VARIANTS[name]!.settings).toMatchObject({ depths, widths });
    expect(parametersOf(name)).toBe(parameters);
  });

  // Parameters in millions, as published: RegNet, arXiv 2003.13678, appendix, RegNetY.
  it.each([
    ['regnety_002', 3.2],
    ['regnety_006', 6.1],
    ['regnety_008', 6.3],
    ['regnety_040', 20.6],
    ['regnety_064', 30.6],
    ['regnety_080', 39.2],
    ['regnety_120', 51.8],
  ])('%s has %d million parameters', (name, wanted) => {
    expect(Math.round(parametersOf(name) / 1e5) / 10).toBe(wanted);
  });

  it("reads torchvision's regnet_y_800mf, which is wider, from its shapes", () => {
    const widths = [64, 144, 320, 784];
    const theirs = buildModel(variantConfig('regnety_008', { classes: 1000, widths }));
    const shapes = new Map(modelParams(theirs).map(({ name, shape }) => [name, shape]));
    const found = recogniseModel({ family: 'regnet' }, shapes, {}, 'file');
    expect(found).toMatchObject({ widths, depths: [1, 3, 8, 2], groupWidth: 16 });
    expect(modelParams(buildModel(found)).map(({ name, shape }) => [name, shape])).toEqual([...shapes]);
  });

  it('says an input side, a family and a source of each', () => {
    for (const [name, { family, imageSize, source }] of Object.entries(VARIANTS)) {
      expect(variantConfig(name, { classes: 7 }), name).toMatchObject({ family, imageSize, classes: 7 });
      expect(source, name).toMatch(/arXiv \d{4}\.\d{5}|^Our choice: /);
    }
  });
});

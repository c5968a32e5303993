import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildModel, VARIANTS, variantConfig } from '../../src/models/index.ts';
import { modelParams } from '../../src/program/evalProgram.ts';

/** Shapes of torchvision's parameters, counted (tests/golden/makeVariants.py). */
const TORCHVISION = JSON.parse(
  readFileSync(new URL('../golden/models/variants.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, number>>;

function shapesOf(name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { role, shape } of modelParams(buildModel(variantConfig(name, { classes: 1000 })))) {
    if (role !== 'param') continue;
    const key = shape.join('x');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

const millions = (name: string): number =>
  Object.entries(shapesOf(name)).reduce(
    (sum, [shape, count]) => sum + count * shape.split('x').reduce((product, n) => product * Number(n), 1),
    0,
  ) / 1e6;

describe('the table of models', () => {
  it.each(Object.keys(TORCHVISION))("%s has the parameters of torchvision's", (name) => {
    expect(shapesOf(name)).toEqual(TORCHVISION[name]);
  });

  // Parameters in millions, as published: RegNet, arXiv 2003.13678, appendix, RegNetY.
  it.each([
    ['regnety_002', 3.2],
    ['regnety_006', 6.1],
    ['regnety_040', 20.6],
    ['regnety_064', 30.6],
    ['regnety_080', 39.2],
    ['regnety_120', 51.8],
  ])('%s has %d million parameters', (name, wanted) => {
    expect(Math.round(millions(name) * 10) / 10).toBe(wanted);
  });

  it('says an input side, a family and a source of each', () => {
    for (const [name, { family, imageSize, source }] of Object.entries(VARIANTS)) {
      expect(variantConfig(name, { classes: 7 }), name).toMatchObject({ family, imageSize, classes: 7 });
      expect(source, name).toMatch(/arXiv \d{4}\.\d{5}|^Our choice: /);
    }
  });
});

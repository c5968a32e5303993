import { expect, it } from 'vitest';
import { ortNode } from '../engine/ortNode.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { StepOf } from './timedSteps.ts';

it('times steps that draw masks', async () => {
  const settings = { imageSize: 8, width: 8, depth: 2, heads: 2, classes: 3, dropPath: 0.5, patchDropout: 0.5 };
  const step = new StepOf(buildModel(variantConfig('vit_pico_patch4', settings)), 2);
  const { seconds, loss } = await step.time(ortNode({ threads: 1 }), 2);
  expect(seconds).toHaveLength(2);
  expect(loss).toBeGreaterThan(0);
});

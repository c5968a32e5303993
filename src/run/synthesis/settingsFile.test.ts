import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SYNTHESIS_PRESETS, synthesisSchema } from '../../config/synthesis.ts';
import { keepDescription, type SetDescription } from './settingsFile.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-'));
afterAll(() => rmSync(dir, { recursive: true }));

const describe = (preset: string): SetDescription => ({
  version: 1,
  teacher: { family: 'resnet', sha256: '0' },
  student: null,
  classes: ['a'],
  perClass: 1,
  settings: synthesisSchema.parse(SYNTHESIS_PRESETS[preset]),
});

it('goes on with a set from before there were schedule and clip, which had cosine and true', async () => {
  const now = describe('small');
  const { schedule, clip, ...older } = now.settings;
  expect([schedule, clip]).toEqual(['cosine', true]);
  writeFileSync(join(dir, 'synthesis.json'), JSON.stringify({ ...now, settings: older }));
  await keepDescription(dir, 1, now);
  // What was the preset cifar10 then is not what it is now.
  const then = { iterations: 2000, lr: 0.05, feature: 10, imagesPerClass: 25 };
  writeFileSync(join(dir, 'synthesis.json'), JSON.stringify({ ...now, settings: { ...older, ...then } }));
  await expect(keepDescription(dir, 1, describe('cifar10'))).rejects.toThrow(
    /settings\.schedule: the set has "cosine", got "constant"[\s\S]*settings\.betas: the set has \[0\.5,0\.9\], got \[0\.9,0\.999\]/,
  );
});

it.each([
  ['cut', (text: string) => text.slice(0, 40), /synthesis\.json: wanted JSON, got /],
  [
    'of other contents',
    () => '{"version": 1}',
    /synthesis\.json: teacher: wanted object, got nothing\. .* put it back/,
  ],
  ['a list', () => '[]', /synthesis\.json: wanted object, got array/],
])('a description that is %s is refused, at a later round too', async (_, spoil, message) => {
  writeFileSync(join(dir, 'synthesis.json'), spoil(JSON.stringify(describe('small'))));
  for (const round of [1, 2]) await expect(keepDescription(dir, round, describe('small'))).rejects.toThrow(message);
});

it("has the authors' settings for CIFAR-10 and ImageNet", () => {
  const common = { ce: 1, tv1: 0, adi: 0, bpid: 0, epsilon: 1e-8 };
  expect(describe('cifar10').settings).toMatchObject({
    ...common,
    ...{ iterations: 2000, lowIterations: 0, lr: 0.05, betas: [0.9, 0.999], schedule: 'constant', warmup: 0 },
    ...{ clip: false, jitter: 2, flip: 0, tv2: 2.5e-5, l2: 0, feature: 10, firstNorm: 1 },
  });
  expect(describe('imagenet').settings).toMatchObject({
    ...common,
    ...{ iterations: 1000, lowIterations: 2000, lr: 0.25, betas: [0.5, 0.9], schedule: 'cosine', warmup: 100 },
    ...{ clip: true, jitter: 30, flip: 0.5, tv2: 1e-4, l2: 1e-5, feature: 0.01, firstNorm: 10 },
  });
});

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseMetricRows, withoutTimings } from '../../src/train/loggers/metricRow.ts';
import { TINY_RESNET, understudy, writeDataset } from './commandLine.ts';

/**
 * A run with everything that has a state or is drawn: two stages of 12 steps, 3 steps an epoch, EMA, noise, slots (Muon's and
 * AdamW's), sampler, worker threads, the whole of DeiT's augmentation (mixup, CutMix, repeated augmentation).
 */
export const DISTILL = [
  ...['distill', '--data', 'data', '--teacher', 'teacher', '--student', 'vit_pico_patch4', '--method', 'dearkd'],
  ...['--epochs', '8', '--batch', '8', '--set', 'dearkd.stageOne=0.5', '--set', 'train.ema=0.9'],
  ...['--set', 'student.settings={"depth":2,"width":16,"heads":1}', '--set', 'student.settings.dropPath=0.2'],
  ...['--set', 'augment.preset=deit', '--set', 'data.workers=2', '--set', 'optim.name=muon'],
];

/** Saves after each step. */
export const SAVE_OFTEN = ['--set', 'train.checkpointSeconds=0.001'];

/** The images and the teacher of `DISTILL` in `dir`, and a run `whole` that was never stopped. */
export async function prepareWhole(dir: string): Promise<void> {
  await writeDataset(join(dir, 'data'));
  const teacher = ['--model', ...TINY_RESNET, '--epochs', '1', '--batch', '8', '--out', 'teacher'];
  const made = await understudy(dir, ['train', '--data', 'data', ...teacher]);
  expect(made.status, made.stderr).toBe(0);
  const whole = await understudy(dir, [...DISTILL, '--out', 'whole']);
  expect(whole.status, whole.stderr).toBe(0);
}

/** The rows of metrics.jsonl but for what measures time. */
export const metricsOf = (run: string) =>
  parseMetricRows(readFileSync(join(run, 'metrics.jsonl'), 'utf8')).map(withoutTimings);

/** Metrics, weights, optimiser, progress and the best model, bit for bit; the settings too but for lanes, which change no bit. */
export function expectSame(run: string, whole: string): void {
  expect(metricsOf(run)).toEqual(metricsOf(whole));
  const digest = (name: string, file: string) =>
    createHash('sha256')
      .update(readFileSync(join(name, file)))
      .digest('hex');
  const weights = ['last/model', 'last/optimizer', 'best/model'].map((file) => `checkpoints/${file}.safetensors`);
  for (const file of [...weights, 'model/model.safetensors']) expect(digest(run, file), file).toBe(digest(whole, file));
  expect(stateOf(run)).toEqual(stateOf(whole));
}

/** state.json without its own digest, which the settings are in. */
function stateOf(run: string): unknown {
  const state = JSON.parse(readFileSync(join(run, 'checkpoints/last/state.json'), 'utf8')) as {
    settings: { train: Record<string, unknown> };
    digests: Record<string, string>;
  };
  const { 'state.json': own, ...digests } = state.digests;
  expect(own).toMatch(/^[0-9a-f]{64}$/);
  const { lanes, ...train } = state.settings.train;
  expect(lanes).toBeGreaterThan(0);
  return { ...state, settings: { ...state.settings, train }, digests };
}

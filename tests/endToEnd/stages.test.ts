import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parseMetricRows, withoutTimings } from '../../src/train/loggers/metricRow.ts';
import { TINY_RESNET, TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const STAGES = [
  { method: 'kd', share: 0.5 },
  { method: 'supervised', share: 0.5, optim: { lr: 0.004, minLr: 0.002, warmupEpochs: 1, weightDecay: 0 } },
];
/** Four epochs of three steps, two for each stage. */
const DISTILL = [
  ...['distill', '--data', 'data', '--teacher', 'teacher', '--student', ...TINY_VIT, '--method', 'kd'],
  ...['--epochs', '4', '--batch', '8', '--set', 'optim.lr=0.01', '--set', `stages=${JSON.stringify(STAGES)}`],
];

const rows = (run: string) =>
  parseMetricRows(readFileSync(join(dir, run, 'metrics.jsonl'), 'utf8')).map(withoutTimings);
const saved = (run: string, file: string) => readFileSync(join(dir, run, 'checkpoints/last', file)).toString('base64');

/** Interrupts as soon as stderr says this. */
const at = (text: string) => {
  let sent = false;
  return (stderr: string, kill: (signal: NodeJS.Signals) => void) => {
    if (!sent && stderr.includes(text)) {
      sent = true;
      kill('SIGINT');
    }
  };
};

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const teacher = ['--model', ...TINY_RESNET, '--epochs', '1', '--batch', '8', '--out', 'teacher'];
  expect((await understudy(dir, ['train', '--data', 'data', ...teacher])).status).toBe(0);
});

it('a stage has its own learning rate, told at the start; a run stopped at the switch goes on bit for bit', async () => {
  const whole = await understudy(dir, [...DISTILL, '--out', 'whole']);
  expect(whole.status, whole.stderr).toBe(0);
  expect(whole.stderr).toContain(
    'stage 2: supervised, epochs 3 to 4, learning rate of its own: cosine 0.004 to 0.002, warm-up 1 epochs, weight decay 0\n',
  );
  const rates = rows('whole').flatMap((row) => row['train/lr'] ?? []);
  // Warm-up from 1e-6 in three steps, then half a cosine over the other three.
  const own = [0, 1, 2].map((step) => 1e-6 + ((0.004 - 1e-6) * step) / 3);
  const fall = [0, 1, 2].map((step) => 0.003 + 0.001 * Math.cos((Math.PI * step) / 3));
  for (const [i, rate] of [...own, ...fall].entries()) expect(rates[6 + i]).toBeCloseTo(rate, 9);
  const args = [...DISTILL, '--set', 'train.checkpointSeconds=0.001', '--out', 'stopped'];
  const stopped = await understudy(dir, args, at('saved last of step 6:'));
  expect(stopped.status, stopped.stderr).toBe(130);
  const rest = await understudy(dir, ['distill', '--resume', '--out', 'stopped']);
  expect(rest.stderr).toMatch(/goes on from step (6|7|8|9|10|11)\n/);
  expect(rest.status).toBe(0);
  expect(rows('stopped')).toEqual(rows('whole'));
  for (const file of ['model.safetensors', 'optimizer.safetensors', 'state.json'])
    expect(saved('stopped', file)).toBe(saved('whole', file));
});

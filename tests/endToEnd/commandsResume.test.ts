import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { readSafetensors } from '../../src/formats/tensors/safetensorsNode.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import { type Finished, temporaryFolder, understudy } from './commandLine.ts';
import { DISTILL, expectSame, metricsOf, prepareWhole, SAVE_OFTEN } from './resumed.ts';

const dir = temporaryFolder();

/** Ends the process by a signal as soon as stderr has this text. */
const at = (text: string, signal: NodeJS.Signals) => {
  let sent = false;
  return (stderr: string, kill: (signal: NodeJS.Signals) => void) => {
    if (!sent && stderr.includes(text)) kill(signal);
    sent ||= stderr.includes(text);
  };
};

const metrics = (run: string) => metricsOf(join(dir, run));
const expectSameAsWhole = (run: string) => expectSame(join(dir, run), join(dir, 'whole'));

const resume = (run: string, watch?: Parameters<typeof understudy>[2]): Promise<Finished> =>
  understudy(dir, ['distill', '--resume', '--out', run, ...SAVE_OFTEN], watch);

beforeAll(() => prepareWhole(dir));

it('the uninterrupted run has what the others are held to', async () => {
  const rows = metrics('whole');
  expect(rows.filter((row) => 'train/loss' in row).map(({ step }) => step)).toEqual(
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
  expect(rows.filter((row) => 'val_ema/top1' in row)).toHaveLength(8);
  expect(rows.filter((row) => 'train/loss_hidden' in row)).toHaveLength(12);
  // Muon's matrices have one moment, all else has AdamW's two.
  const { tensors } = await readSafetensors(join(dir, 'whole/checkpoints/last/optimizer.safetensors'));
  const names = [...tensors.keys()];
  const moments = (name: string) => names.filter((key) => key.startsWith('slot.') && key.endsWith(`.${name}`));
  for (const part of ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'])
    expect(moments(`blocks.0.${part}.weight`)).toEqual([`slot.m.blocks.0.${part}.weight`]);
  for (const name of ['head.weight', 'patch_embed.proj.weight', 'blocks.0.attn.qkv.bias'])
    expect(moments(name), name).toHaveLength(2);
  // Drop path and the dropout of MHCA are drawn anew in each step: were they off, this test would prove less.
  expect(readFileSync(join(dir, 'whole/config.yaml'), 'utf8')).toContain('dropPath: 0.2');
  expect(readFileSync(join(dir, 'whole/train.log'), 'utf8')).toMatch(
    /rand-m9.* erase 0.25, mixup 0.8, cutmix 1, repeats 3/,
  );
});

it('kill -9 in either stage and --resume: the same metrics and weights, bit for bit', async () => {
  const first = await understudy(
    dir,
    [...DISTILL, ...SAVE_OFTEN, '--out', 'killed'],
    at('saved last of step 5:', 'SIGKILL'),
  );
  expect(first.signal).toBe('SIGKILL');
  const second = await resume('killed', at('saved last of step 16:', 'SIGKILL'));
  expect(second.stderr).toMatch(/goes on from step (5|6|7|8|9|10|11)\n/);
  expect(second.signal).toBe('SIGKILL');
  const third = await resume('killed');
  expect(second.stderr + third.stderr).not.toContain('computed on');
  expect(third.stderr).toMatch(/goes on from step (16|17|18|19|20|21|22|23)\n/);
  expect(third.status).toBe(0);
  expectSameAsWhole('killed');
});

it('Ctrl-C saves a checkpoint, says how to go on, exits with 130, and the run goes on as if it had not been', async () => {
  const args = [...DISTILL, ...SAVE_OFTEN, '--out', 'stopped', '--json'];
  const stopped = await understudy(dir, args, at('saved last of step 4:', 'SIGINT'));
  expect(stopped.status, stopped.stderr).toBe(130);
  const result = JSON.parse(stopped.stdout) as RunResult;
  expect(result.reason).toBe('interrupted');
  expect(result.steps).toBeLessThan(24);
  expect(stopped.stderr).toContain('saving a checkpoint; press again to stop at once');
  expect(stopped.stderr).toContain(
    `Interrupted after step ${result.steps}; the checkpoint is in stopped. Go on with:\n  understudy distill --resume --out stopped\n`,
  );
  // From elsewhere too: a run knows from where its paths are seen.
  const elsewhere = join(dir, 'data');
  const rest = await understudy(elsewhere, ['distill', '--resume', '--out', '../stopped', '--json']);
  expect(rest.stderr).toContain(`goes on from step ${result.steps}\n`);
  expect(JSON.parse(rest.stdout)).toMatchObject({ reason: 'done', steps: 24 });
  expectSameAsWhole('stopped');
});

it('goes on with another number of threads, and tells that the bits are others', async () => {
  const stopped = await understudy(
    dir,
    [...DISTILL, '--set', 'train.threads=1', '--out', 'threads'],
    at('epoch 1, step 3:', 'SIGTERM'),
  );
  expect(stopped.status, stopped.stderr).toBe(143);
  const rest = await understudy(dir, ['distill', '--resume', '--out', 'threads', '--set', 'train.threads=2']);
  expect(rest.status, rest.stderr).toBe(0);
  expect(rest.stderr).toMatch(
    /computed on = .*train\.threads=2 \(until here .*train\.threads=1, which may round otherwise/,
  );
  const { computed } = JSON.parse(readFileSync(join(dir, 'threads/checkpoints/last/state.json'), 'utf8'));
  expect(computed).toContain('train.threads=2');
  const over = await understudy(dir, ['distill', '--resume', '--out', 'threads', '--set', 'train.threads=1']);
  expect(over.status, over.stderr).toBe(0);
  expect(over.stderr).not.toContain('computed on');
});

it('SIGTERM exits with 143; a finished run has nothing left to do', async () => {
  const stopped = await understudy(dir, [...DISTILL, '--out', 'ended'], at('epoch 1, step 3:', 'SIGTERM'));
  expect(stopped.status, stopped.stderr).toBe(143);
  expect(existsSync(join(dir, 'ended/checkpoints/last/state.json'))).toBe(true);
  const before = metrics('whole');
  const again = await understudy(dir, ['distill', '--resume', '--out', 'whole']);
  expect(again.status, again.stderr).toBe(0);
  expect(metrics('whole')).toEqual(before);
});

it('a second Ctrl-C ends the process at once', async () => {
  const big = [
    'train',
    '--data',
    'data',
    '--model',
    'vit_small_patch4',
    '--epochs',
    '2',
    '--batch',
    '24',
    '--out',
    'big',
  ];
  const [first, second] = [at('stage 1:', 'SIGINT'), at('press again', 'SIGINT')];
  const found = await understudy(dir, big, (stderr, kill) => {
    first(stderr, kill);
    second(stderr, kill);
  });
  expect(found.status, found.stderr).toBe(130);
  expect(found.stderr).not.toContain('Interrupted after');
  expect(existsSync(join(dir, 'big/checkpoints/last'))).toBe(false);
});

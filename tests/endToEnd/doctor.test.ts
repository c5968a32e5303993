import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const train = [
    'train',
    '--data',
    'data',
    '--model',
    'resnet8_small',
    '--set',
    'data.maxBadFraction=0.2',
    '--epochs',
    '1',
    '--batch',
    '4',
    '--out',
    'teacher',
  ];
  expect((await understudy(dir, train)).status).toBe(0);
}, 120_000);

/** Decoded images go to a folder that nobody else has. */
const DISK = ['--set', 'data.cache=disk', '--set', 'data.cacheDir=cache'];

interface Told {
  readonly level: string;
  readonly about: string;
  readonly text: string;
}

async function doctor(...args: string[]) {
  const { status, stdout, stderr } = await understudy(dir, [
    'doctor',
    '--student',
    'vit_pico_patch4',
    '--json',
    ...args,
  ]);
  const { findings } = JSON.parse(stdout) as { findings: Told[] };
  return { status, stderr, of: (about: string) => findings.filter((one) => one.about === about) };
}

describe('doctor', () => {
  it('finds what is wrong with images, and what the run will cost, and writes nothing', async () => {
    cpSync(join(dir, 'data'), join(dir, 'sick'), { recursive: true });
    writeFileSync(join(dir, 'sick/train/red/broken.png'), 'no image');
    cpSync(join(dir, 'sick/train/red/0.png'), join(dir, 'sick/val/blue/copy.png'));
    const { status, stderr, of } = await doctor(
      '--data',
      'sick',
      '--teacher',
      'teacher',
      '--method',
      'kd',
      '--set',
      'data.maxBadFraction=0.2',
      '--epochs',
      '2',
      ...DISK,
    );
    expect(status, stderr).toBe(0);
    expect(of('images')).toMatchObject([
      { level: 'warning', text: expect.stringMatching(/^1 of \d+ images cannot be read:.*broken\.png/s) as string },
    ]);
    expect(of('leaks')[0]).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('train/red/0.png (red) = ') as string,
    });
    expect(of('labels')[0]).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('val/blue/copy.png (blue)') as string,
    });
    expect(of('classes')).toMatchObject([{ level: 'ok' }]);
    expect(of('data-free')).toMatchObject([{ level: 'ok' }]);
    expect(of('accuracy')).toHaveLength(1);
    expect(of('time')[0]!.text).toMatch(/for 2 epochs/);
    expect(of('disk')).toHaveLength(1);
    expect(of('decoded images')).toMatchObject([
      { level: 'note', text: expect.stringMatching(/^about .* in cache .* 0 % of it .*limit 20 GB/) as string },
    ]);
    expect(existsSync(join(dir, 'cache'))).toBe(false);
  }, 60_000);

  it('a run names the image that it skips, in the log too', async () => {
    const args = [
      'train',
      '--data',
      'sick',
      '--model',
      ...TINY_VIT,
      '--epochs',
      '1',
      '--batch',
      '4',
      '--out',
      'sickRun',
    ];
    const { status, stderr } = await understudy(dir, [...args, '--set', 'data.maxBadFraction=0.2', ...DISK]);
    expect(status, stderr).toBe(0);
    expect(readFileSync(join(dir, 'sickRun/train.log'), 'utf8')).toMatch(/decoded images: about .* in cache /);
    const { stdout } = await understudy(dir, ['store', '--images', '--dir', 'cache', '--clean', '0', '--json']);
    const left = JSON.parse(stdout) as { deleted: number };
    expect(left).toMatchObject({ bytes: 0, shards: 0 });
    // The run has ended, so nothing holds them.
    expect(left.deleted).toBeGreaterThan(10_000);
    for (const text of [stderr, readFileSync(join(dir, 'sickRun/train.log'), 'utf8')])
      expect(text.match(/Cannot read image .*broken\.png: /g)).toHaveLength(1);
  }, 120_000);

  it('says that a teacher of other classes cannot be distilled by logits, exit status 1', async () => {
    cpSync(join(dir, 'data'), join(dir, 'other'), { recursive: true });
    for (const part of ['train', 'val'])
      cpSync(join(dir, 'other', part, 'red'), join(dir, 'other', part, 'violet'), { recursive: true });
    const { status, of } = await doctor('--data', 'other', '--teacher', 'teacher', '--method', 'kd');
    expect(status).toBe(1);
    expect(of('classes')).toMatchObject([{ level: 'error', text: expect.stringContaining('lacks violet') as string }]);
    expect(of('run')).toMatchObject([{ level: 'error' }]);
  }, 60_000);
});

describe('doctor --ranks', () => {
  it('forecasts up to so many machines on each link, from what it measured, and says where micro-batches lack', async () => {
    const { of } = await doctor('--data', 'data', '--batch', '4', '--ranks', '8', '--set', 'train.accumulate=4');
    expect(of('ranks')[0]!.text).toBe('an update has 4 micro-batches (train.accumulate), so 8 ranks cannot share it');
    for (const link of ['1 Gb/s', '10 Gb/s', '100 Gb/s']) {
      const { text } = of(`ranks, ${link}`)[0]!;
      const [, micro] = /a micro-batch in (\S+) s here/.exec(text)!;
      const rows = [
        ...text.matchAll(/^ +(\d+) ranks: (\S+) s an update, (\S+) times as fast, (\d+) % of it waiting, (\S+) MB/gm),
      ];
      expect(rows.map(([, ranks]) => ranks)).toEqual(['1', '2', '4']);
      expect(Number(rows[0]![2]) / Number(micro)).toBeCloseTo(4, 1);
      expect(rows[0]![4]).toBe('0');
    }
  });

  it.each([
    [['--link', '1Gb/s'], '--link: wanted with --ranks only'],
    [['--ranks', '2', '--link', 'fast'], '--link: wanted a speed such as 1Gb/s'],
    [['--ranks', '0'], '--ranks: wanted a whole number from 1 on'],
  ])('%s is refused', async (args, message) => {
    const { status, stderr } = await understudy(dir, ['doctor', '--data', 'data', ...args]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { COURSE_FILE, looksIn } from '../../src/run/synthesis/courseFile.ts';
import type { StudyReport } from '../../src/study/tables/rows.ts';
import {
  contents,
  jsonIn,
  refusalsIn,
  TINY_TEACHER,
  temporaryFolder,
  understudy,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);
const json = jsonIn(dir);
const refuses = refusalsIn(dir);

const STUDY = {
  name: 'parts',
  base: {
    data: { dir: 'data', workers: 1 },
    student: { name: 'vit_pico_patch4', settings: { depth: 1, width: 16, heads: 1 } },
    train: { epochs: 1, batch: 8, threads: 1 },
  },
  teachers: { cnn: { student: { name: 'resnet8_small', settings: { depths: [1, 1, 1], widths: [4, 8, 8] } } } },
  axes: { method: [{ label: 'kd', set: { method: 'kd', teacher: '$cnn' } }], 'train.seed': [0, 1] },
};

const SET = ['synthesize', '--teacher', 'teacher', '--images', '27', '--per-batch', '3x3'];
const IMAGES = [...SET, '--set', 'iterations=3', '--set', 'threads=1'];
const FILL = [
  ...['store', '--fill', '--data', 'data', '--teacher', 'teacher', '--student', 'vit_pico_patch4', '--method', 'kd'],
  ...['--batch', '8', '--set', 'data.views=2', '--set', 'student.settings={"depth":1,"width":16,"heads":1}'],
  ...['--set', 'augment.preset=light', '--set', 'teacher.precision=fp32'],
];

beforeAll(async () => {
  await writeDataset(at('data'));
  expect((await understudy(dir, TINY_TEACHER)).status).toBe(0);
});

describe('a study in parts', () => {
  const study = (...more: string[]) => understudy(dir, ['study', 'study.json', ...more]);
  const timeless = (report: StudyReport) =>
    JSON.parse(JSON.stringify(report, (key, value) => (/seconds|latency/i.test(key) ? undefined : value)));

  beforeAll(async () => {
    writeFileSync(at('study.json'), JSON.stringify(STUDY));
    for (const [out, more] of [
      ['whole', []],
      ['one', ['--shard', '1/2']],
      ['two', ['--shard', '2/2']],
    ] as const) {
      const { status, stderr } = await study('--out', out, ...more);
      expect(status, stderr).toBe(0);
    }
  });

  it('has in each its runs and the teacher that they need; merged it is what one process makes', async () => {
    expect(readdirSync(at('one/runs'))).toEqual(['kd_seed-0']);
    expect(readdirSync(at('two/runs'))).toEqual(['kd_seed-1']);
    expect(await json('merge', 'two', 'one', '--out', 'merged')).toEqual({
      kind: 'study',
      out: 'merged',
      parts: 2,
      merged: 2,
    });
    const report = (out: string) => timeless(JSON.parse(readFileSync(at(out, 'results.json'), 'utf8')) as StudyReport);
    expect(report('merged')).toEqual(report('whole'));
    const again = await study('--out', 'merged');
    expect(again.stderr).toContain('3 of 3 runs are finished already');
  });

  it('with gaps, doubles or parts of something else is refused by name', async () => {
    await refuses(['merge', 'one', '--out', 'x'], 2, 'wanted each of 2 parts once; 2/2 is missing');
    cpSync(at('one'), at('copy'), { recursive: true });
    await refuses(['merge', 'one', 'copy', '--out', 'x'], 2, '1/2 is there 2 times: one and copy; 2/2 is missing');
    await refuses(['merge', 'one', 'one', '--out', 'x'], 2, 'got one twice');
    await refuses(['merge', 'one', 'whole', '--out', 'x'], 2, 'whole: wanted a part that a command with --shard made');
    await refuses(['merge', 'one', 'two', '--out', 'whole'], 2, 'whole: wanted a new or empty folder');
    await refuses(
      ['study', 'study.json', '--out', 'one', '--shard', '2/2'],
      2,
      'one: this folder has part 1/2 of its work, got --shard 2/2',
    );
    await refuses(
      ['study', 'study.json', '--out', 'one'],
      2,
      'one: this folder has part 1/2 of its work, got no --shard',
    );
    // The second part's teacher as another machine might have rounded it, and a run of it that was not finished.
    const weights = at('two/teachers/cnn/checkpoints/last/model.safetensors');
    const bytes = readFileSync(weights);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(weights, bytes);
    rmSync(at('two/records/runs/kd_seed-1.json'));
    await refuses(
      ['merge', 'one', 'two', '--out', 'x'],
      2,
      /runs\/kd_seed-1 is not finished in any part\n {2}teachers\/cnn differs between one and two/,
    );
    cpSync(at('one/runs/kd_seed-0'), at('two/runs/kd_seed-0'), { recursive: true });
    cpSync(at('one/records/runs/kd_seed-0.json'), at('two/records/runs/kd_seed-0.json'));
    await refuses(['merge', 'one', 'two', '--out', 'x'], 2, 'runs/kd_seed-0 is finished in one and two');
  });
});

describe('a set of images in parts', () => {
  it('is, merged, the set that one process makes, and says which batches are missing', async () => {
    await json(...IMAGES, '--out', 'set');
    for (const part of ['1', '2']) {
      const { status, stdout, stderr } = await understudy(dir, [
        ...IMAGES,
        '--out',
        `set${part}`,
        '--shard',
        `${part}/2`,
      ]);
      expect(status, stderr).toBe(0);
      expect(stdout).toContain(`${part === '1' ? 18 : 9} images in set${part}, part ${part}/2 of the set`);
      expect(existsSync(at(`set${part}/manifest.json`))).toBe(false);
    }
    cpSync(at('set2'), at('gap'), { recursive: true });
    rmSync(at('gap/train/red'), { recursive: true });
    await refuses(['merge', 'set1', 'gap', '--out', 'x'], 2, 'wanted 3 whole batches, got 2; not whole: 2 (gap)');
    expect(await json('merge', 'set1', 'set2', '--out', 'both')).toMatchObject({ kind: 'images', merged: 27 });
    const { stderr } = await understudy(dir, [...IMAGES, '--out', 'both']);
    expect(stderr).toContain('3 of 3 batches are finished already');
    // How the losses went is told with the time of each look.
    const made = (set: string) => contents(at(set)).filter((line) => !line.startsWith(COURSE_FILE));
    expect(made('both')).toEqual(made('set'));
    const looks = (set: string) =>
      looksIn(readFileSync(at(set, COURSE_FILE), 'utf8')).map(({ time: _, ...look }) => look);
    expect(looks('both')).toEqual(looks('set'));
    expect(looks('set').length).toBeGreaterThan(0);
  });
});

describe('teacher outputs in parts', () => {
  it('are, merged, all that the run needs', async () => {
    for (const part of ['1', '2'])
      expect(await json(...FILL, '--dir', `store${part}`, '--shard', `${part}/2`)).toMatchObject({ reason: 'done' });
    await refuses(['merge', 'store1', '--out', 'x'], 2, '2/2 is missing');
    await refuses(['merge', 'store1', 'teacher', '--out', 'x'], 2, 'without shard.json');
    expect(await json('merge', 'store1', 'store2', '--out', 'store')).toMatchObject({
      kind: 'teacher outputs',
      parts: 2,
    });
    expect(await json(...FILL, '--dir', 'store')).toMatchObject({ stored: 1 });
    const { stderr } = await understudy(dir, [...FILL, '--dir', 'store']);
    expect(stderr).toMatch(/(\d) of \1 parts of the images are stored already/);
  });
});

describe('wrong use', () => {
  it.each([
    [['study', 'study.json', '--shard', '3/2'], 'wanted a part from 1 to N, got 3 of 2'],
    [[...IMAGES, '--out', 'x', '--shard', 'auto'], 'got none of their variables'],
    [['store', '--data', 'data'], '--data: wanted with --fill only'],
    [['store', '--fill', '--images', '--data', 'data'], '--fill: wanted without --images and --clean'],
    [[...FILL, '--dir', 'x', '--set', 'data.views=null'], 'store --fill: wanted fixed views'],
    [['merge', '--out', 'x'], 'missing'],
  ] as const)('%s', async (args, message) => {
    await refuses(args, 2, message);
  });
});

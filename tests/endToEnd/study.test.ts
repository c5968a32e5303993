import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { RunRecord } from '../../src/study/recordsNode.ts';
import type { StudyReport } from '../../src/study/tables/rows.ts';
import { parseCsv } from '../../src/train/loggers/csvText.ts';
import { contents, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();

const STUDY = `
name: tiny
base:
  data: {dir: data}
  student: {name: vit_pico_patch4, settings: {depth: 1, width: 16, heads: 1}}
  optim.lr: 0.01
  train: {epochs: 2, batch: 8, checkpointSeconds: 0.001}
teachers:
  cnn:
    student: {name: resnet8_small, settings: {depths: [1, 1, 1], widths: [4, 8, 8]}}
    train: {epochs: 2, batch: 8}
axes:
  method:
    - {label: alone, set: {method: supervised}}
    - {label: kd, set: {method: kd, teacher: $cnn, methods.kd.tau: 2}}
  train.seed: [0, 1]
baseline: alone
`;

const IDS = ['alone_seed-0', 'alone_seed-1', 'kd_seed-0', 'kd_seed-1'];

const write = (name: string, text: string) => writeFileSync(join(dir, name), text);
const study = (out: string, watch?: Parameters<typeof understudy>[2], file = 'study.yaml') =>
  understudy(dir, ['study', file, '--out', out], watch);
const text = (...path: string[]) => readFileSync(join(dir, ...path), 'utf8');
const report = (out: string) => JSON.parse(text(out, 'results.json')) as StudyReport;

const outcome = (out: string, id: string) =>
  (JSON.parse(text(out, 'records/runs', `${id}.json`)) as RunRecord).outcome!;

/** A report without what measures time. */
const timeless = (found: StudyReport) =>
  JSON.parse(
    JSON.stringify(found, (key, value) => (['seconds', 'cpuSeconds', 'latencyMs'].includes(key) ? undefined : value)),
  );

/** Ends the process by a signal as soon as stderr has this text. */
const at = (wanted: string, signal: NodeJS.Signals) => {
  let sent = false;
  return (stderr: string, kill: (signal: NodeJS.Signals) => void) => {
    if (!sent && stderr.includes(wanted)) kill(signal);
    sent ||= stderr.includes(wanted);
  };
};

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  write('study.yaml', STUDY);
  const whole = await study('whole');
  expect(whole.status, whole.stderr).toBe(0);
  expect(whole.stderr).toContain('run 1 of 5: teachers/cnn\n');
  expect(whole.stderr).toMatch(/run 4 of 5: runs\/alone_seed-1; the study needs about \S+ more\n/);
  expect(whole.stdout).toMatch(/^method +val\/top1 % +sd +n +difference to alone/);
});

it('makes each run of the product with its own settings, and one teacher for all', () => {
  const { runs, teachers } = report('whole');
  expect(runs.map(({ id, state, steps, imagesSeen }) => [id, state, steps, imagesSeen])).toEqual(
    IDS.map((id) => [id, 'done', 6, 48]),
  );
  expect(teachers.map(({ id, state }) => [id, state])).toEqual([['cnn', 'done']]);
  expect(runs.map(({ labels }) => labels)).toContainEqual({ method: 'kd', 'train.seed': '1' });
  const config = text('whole/runs/kd_seed-1/config.yaml');
  for (const line of ['ref: whole/teachers/cnn', 'method: kd', 'tau: 2', 'seed: 1', 'lr: 0.01'])
    expect(config).toContain(line);
  // Patches 784, tokens 16 + 800, the block 2224, norm 32, head 51: as counted by hand in commands.test.ts.
  expect(runs.every(({ parameters }) => parameters === 784 + 16 + 800 + 2224 + 32 + 51)).toBe(true);
});

it('takes the last evaluation of each run; the table is made of the rows', () => {
  const { runs, table } = report('whole');
  for (const { id, last, best } of runs) {
    const rows = text('whole/runs', id, 'metrics.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number>)
      .filter((row) => 'val/top1' in row);
    expect(rows.map(({ step }) => step)).toEqual([3, 6]);
    expect(last).toBe(rows[1]!['val/top1']);
    expect(best).toBe(Math.max(...rows.map((row) => row['val/top1']!)));
  }
  const [alone, kd] = table;
  expect([alone!.n, kd!.n, alone!.difference]).toEqual([2, 2, null]);
  expect(kd!.difference!.mean).toBeCloseTo(
    (runs[2]!.last! - runs[0]!.last! + (runs[3]!.last! - runs[1]!.last!)) / 2,
    12,
  );
  const csv = parseCsv(text('whole/results.csv'));
  expect(csv[0]!.slice(0, 5)).toEqual(['id', 'method', 'train.seed', 'state', 'val/top1']);
  expect(csv.slice(1).map((row) => [row[0], Number(row[4])])).toEqual(runs.map(({ id, last }) => [id, last]));
  const page = text('whole/index.html');
  expect(page).toContain('<td><a href="./runs/kd_seed-1/report.html">kd_seed-1</a></td><td>done</td>');
  expect(page).toContain('<svg');
  for (const [, href] of page.matchAll(/<a href="([^"]+)">/g)) expect(existsSync(join(dir, 'whole', href!))).toBe(true);
});

it('a finished study makes nothing again', async () => {
  const before = contents(join(dir, 'whole'));
  const again = await understudy(dir, ['study', 'study.yaml', '--out', 'whole', '--json']);
  expect(again.status, again.stderr).toBe(0);
  expect(again.stderr).toContain('5 of 5 runs are finished already');
  expect(JSON.parse(again.stdout)).toEqual(report('whole'));
  expect(contents(join(dir, 'whole'))).toEqual(before);
});

it('killed in the teacher and in a run, then interrupted, and started again: the same results', async () => {
  const first = await study('killed', at('epoch 1, step 3:', 'SIGKILL'));
  expect(first.signal).toBe('SIGKILL');
  const second = await study('killed', at('run 3 of 5: runs/kd_seed-0', 'SIGKILL'));
  expect(second.signal).toBe('SIGKILL');
  expect(second.stderr).toContain('runs/alone_seed-0: done after');
  let sent = false;
  const third = await study('killed', (stderr, kill) => {
    const begun = stderr.indexOf('run 4 of 5');
    // As early as it has something to lose: its six steps are done in no time.
    if (sent || begun < 0 || !stderr.slice(begun).includes('stage 1: ')) return;
    sent = true;
    kill('SIGINT');
  });
  expect(third.status, third.stderr).toBe(130);
  expect(third.stderr).toContain('Go on with:\n  understudy study study.yaml --out killed\n');
  expect(report('killed').runs.map(({ state }) => state)).toEqual(['done', 'interrupted', 'done', 'waiting']);
  // As if killed between the end of a run and its record.
  rmSync(join(dir, 'killed/records/runs/kd_seed-0.json'));
  const last = await study('killed');
  expect(last.status, last.stderr).toBe(0);
  expect(timeless(report('killed'))).toEqual(timeless(report('whole')));
  // Processor time goes on over an interruption and is unknown where the record of a part is lost.
  const cpu = Object.fromEntries(report('killed').runs.map(({ id, cpuSeconds }) => [id, cpuSeconds]));
  expect(cpu['alone_seed-1']).toBeGreaterThan(0);
  expect(cpu['kd_seed-0']).toBeNull();
  expect(report('whole').runs.every((run) => run.cpuSeconds! > 0 && run.seconds! > 0 && run.latencyMs! > 0)).toBe(true);
  // The loss tells more than the accuracy on twelve images.
  for (const id of IDS) expect(outcome('killed', id)).toEqual(outcome('whole', id));
  expect(outcome('whole', 'kd_seed-0').last['val/loss']).not.toBe(outcome('whole', 'kd_seed-1').last['val/loss']);
});

it('a record whose checkpoint is not that of the last step is not trusted', async () => {
  const state = join(dir, 'killed/runs/alone_seed-1/checkpoints/last/state.json');
  // An older release took no digests, so only the record shows it.
  const { digests: _, ...kept } = JSON.parse(readFileSync(state, 'utf8')) as { step: number; digests: unknown };
  writeFileSync(state, JSON.stringify({ ...kept, step: kept.step - 1, best: null }));
  rmSync(join(dir, 'killed/runs/kd_seed-0'), { recursive: true });
  const again = await study('killed');
  expect(again.stderr).toContain('3 of 5 runs are finished already');
  expect(report('killed').runs[2]).toMatchObject({ state: 'done', last: report('whole').runs[2]!.last });
});

it('added runs are made; changed settings of runs that exist are refused by name', async () => {
  write(
    'more.yaml',
    STUDY.replace('[0, 1]', '[0, 1, 2]').replace('method: supervised', 'method: supervised, train.threads: 1'),
  );
  const grown = await study('killed', undefined, 'more.yaml');
  expect(grown.status, grown.stderr).toBe(0);
  expect(grown.stderr).toContain('the study file has grown by 2: runs/alone_seed-2, runs/kd_seed-2');
  expect(report('killed').table.map(({ n }) => n)).toEqual([3, 3]);
  write('other.yaml', STUDY.replace('tau: 2', 'tau: 3'));
  const before = contents(join(dir, 'whole'));
  const refused = await study('whole', undefined, 'other.yaml');
  expect([refused.status, refused.stdout]).toEqual([2, '']);
  for (const id of ['kd_seed-0', 'kd_seed-1'])
    expect(refused.stderr).toContain(`runs/${id}: methods.kd.tau was 2, now 3`);
  expect(refused.stderr).not.toContain('alone');
  expect(contents(join(dir, 'whole'))).toEqual(before);
});

it('a setting that the plan of an older version does not have was at its default', async () => {
  const path = join(dir, 'whole/plan.json');
  const plan = JSON.parse(readFileSync(path, 'utf8')) as Record<string, { train: Record<string, unknown> }>;
  for (const { train } of Object.values(plan)) delete train.earlyStop;
  write('whole/plan.json', JSON.stringify(plan));
  const again = await study('whole');
  expect(again.status, again.stderr).toBe(0);
  expect(readFileSync(path, 'utf8')).toContain('earlyStop');
});

/** What no check can see: a run whose loss is soon no number, before its first checkpoint. */
const DIVERGES = 'optim.lr: 1.0e+30, train.checkpointSeconds: 999';

it('what does not fit together is refused before the first run, of teachers to be trained too', async () => {
  const methods = `    - {label: dearkd, set: {method: dearkd, teacher: $cnn, train.epochs: 1}}
    - {label: vitkd, set: {method: vitkd, teacher: $cnn}}
    - {label: heads, set: {method: supervised, student.settings.heads: 5}}
`;
  write('unfit.yaml', STUDY.replace('  train.seed:', `${methods}  train.seed:`));
  for (const more of [[], ['--dry-run']]) {
    const found = await understudy(dir, ['study', 'unfit.yaml', '--out', 'unfit', ...more]);
    expect(found.status).toBe(2);
    expect(found.stderr).toContain('unfit.yaml: wanted runs that can all begin, got 3 that cannot; nothing was run:');
    expect(found.stderr).toMatch(/\n {2}runs\/dearkd_seed-0: .*2 stages|\n {2}runs\/dearkd_seed-0: .*epoch/);
    expect(found.stderr).toMatch(/\n {2}runs\/vitkd_seed-0: vitkd needs teacher\.tokens/);
    expect(found.stderr).toContain('\n  runs/heads_seed-0: model: width 16 is not a multiple of 5 heads');
    expect(existsSync(join(dir, 'unfit'))).toBe(false);
  }
});

it('a teacher of other classes gets a head in the run, where that is asked for', async () => {
  for (const part of readdirSync(join(dir, 'data')))
    for (const name of readdirSync(join(dir, 'data', part)))
      cpSync(join(dir, 'data', part, name), join(dir, 'others', part, `other-${name}`), { recursive: true });
  const other = STUDY.replace('{dir: data}', '{dir: others}').replace(/teachers:[\s\S]*(?=axes:)/, '');
  const taughtBy = (teacher: string) => write('others.yaml', other.replace('$cnn', teacher));
  taughtBy('whole/teachers/cnn');
  const refused = await understudy(dir, ['study', 'others.yaml', '--out', 'other', '--dry-run']);
  expect(refused.stderr).toContain('its classes differ');
  taughtBy('{ref: whole/teachers/cnn, fitHead: ridge}');
  const found = await understudy(dir, ['study', 'others.yaml', '--out', 'other', '--dry-run']);
  expect(found.status, found.stderr).toBe(0);
  expect(found.stdout).toContain('4 runs, all can begin');
});

it('--dry-run lists the runs and makes none', async () => {
  const found = await understudy(dir, ['study', 'study.yaml', '--out', 'dry', '--dry-run']);
  expect(found.status, found.stderr).toBe(0);
  expect(found.stdout.split('\n').map((line) => line.split(/ +/)[0])).toEqual(
    expect.arrayContaining(['teachers/cnn', ...IDS.map((id) => `runs/${id}`)]),
  );
  expect(found.stdout).toContain('5 runs, all can begin. Nothing was made.');
  expect(existsSync(join(dir, 'dry'))).toBe(false);
});

it('a failed run is told and does not lose the others; mended, it is made', async () => {
  const broken = STUDY.replace('method: supervised}', `method: supervised, ${DIVERGES}}`).replace('[0, 1]', '[0]');
  write('broken.yaml', broken);
  const found = await study('broken', undefined, 'broken.yaml');
  expect(found.status).toBe(1);
  const { runs, table } = report('broken');
  expect(runs.map(({ id, state, error }) => [id, state, error])).toEqual([
    ['alone_seed-0', 'failed', expect.stringMatching(/NaN|finite/)],
    ['kd_seed-0', 'done', null],
  ]);
  expect(table.map(({ n, mean, difference }) => [n, mean === null, difference])).toEqual([
    [0, true, null],
    [1, false, null],
  ]);
  expect(found.stderr).toContain('failed: alone_seed-0: ');
  write('broken.yaml', broken.replace(DIVERGES, 'optim.lr: 0.01'));
  const mended = await study('broken', undefined, 'broken.yaml');
  expect(mended.status, mended.stderr).toBe(0);
  expect(report('broken').table[1]!.difference).toMatchObject({ n: 1, interval: null, insideNoise: null });
});

it('a failed teacher fails the runs that need it, and no others', async () => {
  write(
    'noTeacher.yaml',
    STUDY.replace('  cnn:\n', `  cnn:\n    ${DIVERGES.replace(', ', '\n    ')}\n`).replace('[0, 1]', '[0]'),
  );
  const found = await study('noTeacher', undefined, 'noTeacher.yaml');
  expect(found.status).toBe(1);
  const { teachers, runs } = report('noTeacher');
  expect(teachers[0]).toMatchObject({ state: 'failed', error: expect.stringMatching(/NaN|finite/) });
  expect(runs.map(({ state, error }) => [state, error])).toEqual([
    ['done', null],
    ['failed', 'its teacher cnn is not finished'],
  ]);
});

it('what no run could have is refused before anything is made', async () => {
  const refuses = async (from: string, to: string, ...parts: string[]) => {
    write('wrong.yaml', STUDY.replace(from, to));
    const { status, stderr } = await study('wrong', undefined, 'wrong.yaml');
    for (const part of parts) expect(stderr).toContain(part);
    expect(status).toBe(2);
    expect(existsSync(join(dir, 'wrong'))).toBe(false);
  };
  await refuses('base:', 'bass:', 'unknown key bass', 'Did you mean base?');
  await refuses('epochs: 2, batch', 'epoch: 2, batch', 'unknown key train.epoch', 'Did you mean train.epochs?');
  await refuses('method: kd,', 'method: kdd,', 'wrong.yaml: Unknown method "kdd"');
  await refuses('$cnn', '$cmm', 'wrong.yaml: Unknown teacher "$cmm"', 'Available: $cnn');
  await refuses('baseline: alone', 'baseline: alnoe', 'Unknown', '"alnoe". Did you mean alone?');
  await refuses(
    'train.seed:',
    `train.batch: [${Array.from({ length: 9999 }, (_, i) => i + 1)}]\n  train.seed:`,
    'wrong.yaml: axes: wanted at most 10000 runs',
  );
  await refuses('label: kd', 'label: alone', 'axes.method: wanted different ones, got "alone" twice');
  await refuses('train.seed:', 'seeds:', 'axes.seeds: plain values need an axis that is a key');
});

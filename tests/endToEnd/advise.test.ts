import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Advice } from '../../src/advise/advice.ts';
import { advise } from '../../src/advise/adviseNode.ts';
import type { AdviseOptions } from '../../src/advise/requestNode.ts';
import type { SavedState } from '../../src/advise/state.ts';
import { UserError } from '../../src/graph/errors.ts';
import { trainRun } from '../../src/run/training/trainRunNode.ts';
import { refusalsIn, temporaryFolder, understudy, writeClass } from './commandLine.ts';

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);
const refuses = refusalsIn(dir);

const CLASSES = ['blue', 'green', 'red'];
const request = (out: string): AdviseOptions => ({
  data: at('data'),
  teacher: at('teacher'),
  student: 'vit_pico_patch4',
  budget: '1h',
  methods: ['kd', 'dearkd', 'vitkd'],
  out: at(out),
  settings: {
    student: { settings: { depth: 1, width: 16, heads: 1 } },
    train: { batch: 10, threads: 1, epochs: 50 },
  },
});

const stateOf = (out: string) => JSON.parse(readFileSync(at(out, 'state.json'), 'utf8')) as SavedState;
const keysIn = (out: string, phase: string) =>
  existsSync(at(out, phase))
    ? readdirSync(at(out, phase))
        .filter((name) => !name.startsWith('.'))
        .sort()
    : [];

/** What is planned for an hour becomes a plan of seconds, of which none are left: the same on any machine, however busy it is. */
function makeShort(out: string): void {
  const scale = { searchSeeds: 1, finalSeeds: 2, curveSeeds: 0 };
  const epochs = { alone: 2, kd: 2, dearkd: 2, 'alone, as in dearkd': 2 };
  const phases = {
    search1: { budget: 0.1, seeds: 1, epochs },
    final: { budget: 0.1, seeds: 2, full: 0.5, curveSeeds: 0, epochs },
  };
  const held = stateOf(out);
  writeFileSync(
    at(out, 'state.json'),
    JSON.stringify({ ...held, plan: { ...held.plan, scale, budgets: [0.1] }, phases }),
  );
  mkdirSync(at(out, 'records'), { recursive: true });
  writeFileSync(at(out, 'records/besides.json'), '3600');
}

/** Ends the advice when a run of this name begins, or at its first step. */
async function stopped(out: string, key: string, when: 'before' | 'within' = 'before'): Promise<void> {
  const stop = new AbortController();
  let now = '';
  const result = await advise({
    ...request(out),
    signal: stop.signal,
    onAdviceEvent: (event) => {
      if (event.type === 'trial') now = event.key;
      if (now === key && when === 'before') stop.abort();
    },
    onEvent: (event) => {
      if (now === key && event.type === 'step') stop.abort();
    },
  });
  expect(result.reason).toBe('interrupted');
}

beforeAll(async () => {
  for (const name of CLASSES) {
    await writeClass(at('data/train'), name, 20);
    await writeClass(at('data/val'), name, 10, 1);
  }
  const student = { name: 'resnet8_small', settings: { depths: [1, 1, 1], widths: [4, 8, 8] } };
  const data = { dir: at('data') };
  await trainRun({ data, student, train: { epochs: 2, batch: 10, threads: 1 } }, { out: at('teacher') });
});

/** What an advice says, without times and places. */
const timeless = (advice: Advice): unknown =>
  JSON.parse(
    JSON.stringify(advice, (key, value) => (/[sS]econds$|^(text|run|next|notes)$/.test(key) ? undefined : value)),
  );

it('tries what applies, judges by the validation images, and gives a verdict and a command; stopped anywhere it goes on', async () => {
  await stopped('advice', 'search1/alone-seed0');
  makeShort('advice');
  const said: string[] = [];
  const result = await advise({
    ...request('advice'),
    onAdviceEvent: (event) =>
      said.push(event.type === 'methods' ? `refused ${event.refused.map(({ why }) => why)}` : event.type),
  });
  if (result.reason !== 'done') throw new Error('interrupted');
  const { advice } = result;
  expect(said[0]).toMatch(/^refused vitkd needs teacher\.tokens, .* a resnet, has logits, .*maps/);
  expect(advice.applies).toEqual(['kd', 'dearkd']);
  expect(keysIn('advice', 'search1')).toEqual(['alone-seed0', 'dearkd-seed0', 'kd-seed0']);
  // The search knows nothing of the validation images, the final runs all training images.
  const rows = (phase: string, name: string) => readFileSync(at('advice', phase, name, 'train.log'), 'utf8');
  expect(rows('search1', 'kd-seed0')).toContain('data: 48 training and 12 validation images');
  expect(rows('final', 'alone-seed1000')).toContain('data: 60 training and 30 validation images');
  const finalists = advice.method === 'dearkd' ? ['dearkd', 'alone', 'kd', 'alone, as in dearkd'] : ['kd', 'alone'];
  expect(advice.final.map(({ arm }) => arm)).toEqual(finalists);
  for (const arm of advice.final) {
    expect(arm.scores).toHaveLength(2);
    // One image more or less is a thirtieth.
    for (const score of arm.scores) expect(score * 30).toBeCloseTo(Math.round(score * 30), 9);
  }
  const last = (name: string) => JSON.parse(readFileSync(at('advice/records/final', `${name}.json`), 'utf8'));
  expect(advice.final[1]!.scores[0]).toBeCloseTo(last('alone-seed1000').outcome.last['val/top1'], 9);
  expect(['worth', 'notWorth', 'unclear']).toContain(advice.verdict.kind);
  expect(advice.next).toMatch(/^understudy (distill|train|advise) --data /);
  expect(readFileSync(at('advice/advice.txt'), 'utf8')).toContain(advice.verdict.text);
  expect(readFileSync(at('advice/index.html'), 'utf8')).toContain('Methods that do not apply');

  // The same again answers at once.
  const began = performance.now();
  expect(await advise(request('advice'))).toEqual(result);
  expect(performance.now() - began).toBeLessThan(5000);

  // So does the folder of a release that did not know halves of the validation images.
  const { request: asked, ...state } = stateOf('advice');
  const { valHalf, ...data } = (asked as { data: { valHalf: null } }).data;
  expect(valHalf).toBeNull();
  writeFileSync(at('advice/state.json'), JSON.stringify({ ...state, request: { ...(asked as object), data } }));
  const { chosenBy, ...written } = advice;
  expect(chosenBy).toEqual({ images: 12, of: 'training' });
  writeFileSync(at('advice/advice.json'), JSON.stringify(written));
  expect(await advise(request('advice'))).toEqual(result);

  // Stopped before a run, and twice within one: the same numbers.
  await stopped('again', 'search1/alone-seed0');
  makeShort('again');
  await stopped('again', 'search1/dearkd-seed0', 'within');
  await stopped('again', 'final/alone-seed1000', 'within');
  const again = await advise(request('again'));
  if (again.reason !== 'done') throw new Error('interrupted');
  expect(timeless(again.advice)).toEqual(timeless(advice));
}, 120_000);

it('of few training images and many to validate on, one half of these chooses and the other judges', async () => {
  const few = { ...request('few'), methods: ['kd', 'dkd'] };
  const asked = { ...few, settings: { ...few.settings, data: { images: 15 } } };
  const stop = new AbortController();
  const onAdviceEvent: AdviseOptions['onAdviceEvent'] = (event) => event.type === 'trial' && stop.abort();
  expect((await advise({ ...asked, signal: stop.signal, onAdviceEvent })).reason).toBe('interrupted');
  expect(stateOf('few').plan!.images).toBe('choosing');
  makeShort('few');
  const state = stateOf('few');
  const both = (phase: string) => ({ ...state.phases[phase], epochs: { alone: 2, kd: 2, dkd: 2 } });
  const phases = { search1: both('search1'), final: both('final') };
  writeFileSync(at('few/state.json'), JSON.stringify({ ...state, phases }));
  const result = await advise(asked);
  if (result.reason !== 'done') throw new Error('interrupted');
  const { advice } = result;
  expect([advice.trainImages, advice.validationImages, advice.chosenBy]).toEqual([
    15,
    15,
    { images: 15, of: 'validation' },
  ]);
  const judgedIn = (phase: string, name: string) => {
    const log = readFileSync(at('few', phase, name, 'train.log'), 'utf8');
    expect(log).toContain('data: 15 training and 15 validation images');
    const rows = readFileSync(at('few', phase, name, 'predictions.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    return rows.map((row) => row.split(',')[0]!);
  };
  const halves = [judgedIn('search1', 'kd-seed0'), judgedIn('final', 'alone-seed1000')];
  expect(new Set(halves.flat()).size).toBe(30);
  const { outcome } = JSON.parse(readFileSync(at('few/records/final/alone-seed1000.json'), 'utf8'));
  const alone = advice.final.find(({ arm }) => arm === 'alone')!;
  expect(alone.scores[0]).toBeCloseTo(outcome.last['val/top1'], 9);
  expect(readFileSync(at('few/advice.txt'), 'utf8')).toContain('the 15 validation images of the half that did not');
}, 60_000);

it('refuses another request in its folder, and what it cannot advise on', async () => {
  const refusal = async (more: Partial<AdviseOptions>) => {
    const found = await advise({ ...request('advice'), ...more }).catch((error: unknown) => error);
    expect(found).toBeInstanceOf(UserError);
    return (found as Error).message;
  };
  expect(await refusal({ budget: '2h' })).toMatch(/budget was 3600, now 7200\n.*use another --out/s);
  expect(await refusal({ out: at('teacher') })).toContain('one of something else; use another --out');
  expect(await refusal({ methods: ['vitkd'], out: at('none') })).toMatch(
    /no method applies .*\n {2}vitkd: vitkd needs/s,
  );
  expect(await refusal({ methods: ['embed'], out: at('none') })).toContain('embed: its student has no classifier');
  expect(await refusal({ methods: ['supervised'] })).toContain('supervised is training alone');
  expect(await refusal({ methods: ['kdd'] })).toContain('Did you mean kd?');
  expect(await refusal({ settings: { method: 'kd' } as never })).toContain(
    'advise: method: it finds the method itself',
  );
  expect(await refusal({ settings: { data: { innerFraction: 0.2 } } as never })).toContain(
    'advise: data.innerFraction: it puts images aside itself, some that choose the method and others that judge it',
  );
  expect(await refusal({ budget: '1s', out: at('short') })).toMatch(
    /--budget: 1s is too short to say anything about 2 methods on these images; wanted at least \d+[sm], by measured speed/,
  );
  expect(existsSync(at('none'))).toBe(false);
}, 60_000);

it('of images of several classes it takes the methods that can, and judges by the F1 of each image', async () => {
  const names = CLASSES.flatMap((name) => Array.from({ length: 20 }, (_, i) => [name, `data/train/${name}/${i}.png`]));
  const rows = names.map(([name, path], i) => `${path},${i % 4 === 0 ? 'blue;green' : name}`);
  writeFileSync(at('list.csv'), ['image_path,labels', ...rows].join('\n'));
  const student = { name: 'resnet8_small', settings: { depths: [1, 1, 1], widths: [4, 8, 8] } };
  const data = { dir: at('list.csv') };
  await trainRun({ data, student, train: { epochs: 2, batch: 10, threads: 1 } }, { out: at('several') });
  const asked = { ...request('severalAdvice'), data: at('list.csv'), teacher: at('several'), methods: ['kd', 'dkd'] };
  const stop = new AbortController();
  const onAdviceEvent: AdviseOptions['onAdviceEvent'] = (event) => event.type === 'trial' && stop.abort();
  expect((await advise({ ...asked, signal: stop.signal, onAdviceEvent })).reason).toBe('interrupted');
  makeShort('severalAdvice');
  const result = await advise(asked);
  if (result.reason !== 'done') throw new Error('interrupted');
  const { advice } = result;
  expect(advice.refused[0]!.why).toContain('its loss is a softmax over the classes');
  expect([advice.metric, advice.final.map(({ arm }) => arm)]).toEqual(['val/map', ['kd', 'alone']]);
  for (const score of advice.final.flatMap(({ scores }) => scores)) expect(score > 0 && score <= 1).toBe(true);
  expect(advice.full).toMatchObject({ known: false, why: expect.stringContaining('one class each') });
}, 60_000);

it('without labels there is nothing to compare with', async () => {
  mkdirSync(at('bare'));
  for (let i = 0; i < 12; i++) copyFileSync(at(`data/train/red/${i}.png`), at(`bare/${i}.png`));
  await refuses(
    ['advise', '--data', 'bare', '--teacher', 'teacher', '--student', 'vit_pico_patch4', '--budget', '1h'],
    2,
    /bare: wanted images in class folders, got images without labels.*understudy distill --method kd --set kd.alpha=1/,
  );
});

it('is a command', async () => {
  const words = ['advise', '--data', 'data', '--teacher', 'teacher', '--student', 'vit_pico_patch4'];
  await refuses(words, 2, 'missing --budget TIME');
  await refuses([...words, '--budget', '10'], 2, 'budget: wanted a time such as 30m or 2h, got "10"');
  await refuses([...words, '--budget', '1h', '--gain', 'much'], 2, '--gain: wanted points above 0 and below 100');
  await refuses([...words.slice(0, 3), '--student', 'vit_pico_patch4', '--budget', '1h'], 2, 'missing --teacher REF');
  const set = ['--set', 'student.settings={"depth":1,"width":16,"heads":1}', '--set', 'train.batch=10'];
  const given = [...set, '--set', 'train.threads=1', '--set', 'train.epochs=50', '--methods', 'kd,dearkd,vitkd'];
  const { status, stdout, stderr } = await understudy(dir, [
    ...words,
    '--budget',
    '1h',
    ...given,
    '--out',
    'advice',
    '--json',
  ]);
  expect([status, JSON.parse(stdout || 'null')?.version], stderr).toEqual([2, undefined]);
  expect(stderr).toMatch(/wanted the request that this advice was begun with, got another:\n +data\.dir was/);
}, 60_000);

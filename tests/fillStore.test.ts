import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { RunInput } from '../src/config/schema.ts';
import { overlay } from '../src/config/settings.ts';
import { type FillEvent, type FillOptions, fillStore } from '../src/run/training/fillStoreNode.ts';
import type { RunSettings } from '../src/run/training/runSettings.ts';
import { trainRun } from '../src/run/training/trainRunNode.ts';
import { temporaryFolder, writeDataset } from './endToEnd/commandLine.ts';

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);

/** Two epochs with a teacher of its own size and two without; 24 images, of which 3 updates an epoch show 7 each. */
const settings = (store: string, more: object = {}): RunSettings =>
  overlay(
    {
      data: { dir: at('data'), workers: 1, views: 2 },
      student: { name: 'vit_pico_patch4', imageSize: 16, settings: { depth: 1, width: 16, heads: 1 } },
      teacher: { ref: at('teacher'), precision: 'fp32', store: { dir: at(store) } },
      method: 'dearkd',
      methods: { dearkd: { stageOne: 0.5, beta: 1 } },
      train: { epochs: 4, batch: 7, threads: 1, evalEvery: 4 },
      augment: { preset: 'light' },
    },
    more as never,
  ) as unknown as RunSettings;

async function fill(store: string, options: FillOptions = {}) {
  const events: FillEvent[] = [];
  const onEvent = (event: FillEvent) => void events.push(event);
  const result = await fillStore(settings(store), { unitImages: 10, onEvent, ...options });
  const of = <Type extends FillEvent['type']>(type: Type) =>
    events.filter((event): event is Extract<FillEvent, { type: Type }> => event.type === type);
  return { ...result, starts: of('start'), units: of('unit') };
}

async function run(store: string, out: string, more: object = {}): Promise<{ notes: string; weights: string }> {
  const notes: string[] = [];
  await trainRun(settings(store, more) as RunInput, {
    out: at(out),
    onEvent: (event) => {
      if (event.type === 'note') notes.push(event.message);
    },
  });
  return {
    notes: notes.join('\n'),
    weights: readFileSync(at(out, 'checkpoints/last/model.safetensors')).toString('base64'),
  };
}

const shardsIn = (store: string) =>
  readdirSync(at(store), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.shard'));

beforeAll(async () => {
  await writeDataset(at('data'));
  const model = {
    student: { name: 'resnet8_small', imageSize: 24, settings: { depths: [1, 1, 1], widths: [4, 8, 8] } },
  };
  const teacher = { data: { dir: at('data'), workers: 1 }, ...model, train: { epochs: 1, batch: 8, threads: 1 } };
  await trainRun(teacher as RunInput, { out: at('teacher') });
});

let filledShards: string[] = [];

it('a run finds what was filled before, and learns the same from it as from what it computes itself', async () => {
  const filled = await fill('store');
  expect(filled).toMatchObject({ reason: 'done', images: 24, views: 2, stored: 1 });
  expect(filled.starts.map(({ units, left }) => [units, left])).toEqual([[3, 3]]);
  expect(filled.units.map(({ left }) => left)).toEqual([2, 1, 0]);
  filledShards = shardsIn('store');
  const [after, fresh] = [await run('store', 'after'), await run('other', 'fresh')];
  expect(after.notes.match(/100 % are stored in .*; the teacher need not run/g)).toHaveLength(1);
  expect(fresh.notes).toContain(' 0 % are stored in ');
  expect(after.weights).toBe(fresh.weights);
  // Beside the training images it keeps the answers to the validation images, in one shard.
  expect(shardsIn('store').length).toBe(filledShards.length + 1);
});

it('the same again computes what is missing and no more', async () => {
  expect((await fill('store')).units).toEqual([]);
  rmSync(at('store', filledShards[0]!));
  const again = await fill('store');
  expect(again.units).toHaveLength(1);
  expect(again.stored).toBe(1);
});

it('ended in the middle it goes on', async () => {
  const stop = new AbortController();
  const first = await fill('stopped', { signal: stop.signal, onEvent: ({ type }) => type === 'unit' && stop.abort() });
  expect([first.reason, first.stored < 1]).toEqual(['interrupted', true]);
  const second = await fill('stopped');
  expect([second.reason, second.stored, second.units.length]).toEqual(['done', 1, 2]);
});

it('two at once fill it together', async () => {
  const both = await Promise.all([fill('both'), fill('both')]);
  expect(both.map(({ stored }) => stored)).toEqual([1, 1]);
  const made = both.map(({ units }) => units.length);
  expect(made[0]! + made[1]!).toBe(3);
  expect(Math.min(...made)).toBeGreaterThan(0);
  expect(
    readdirSync(at('both/filling'), { recursive: true, encoding: 'utf8' }).filter((one) => one.includes('lock')),
  ).toEqual([]);
});

it('of a teacher that sees the originals it keeps one answer an image, for all views of them', async () => {
  const more = { data: { views: null }, teacher: { sees: 'original' }, method: 'kd' };
  const events: FillEvent[] = [];
  const filled = await fillStore(settings('originals', more), { onEvent: (event) => void events.push(event) });
  expect(filled).toMatchObject({ reason: 'done', images: 24, views: 1, stored: 1 });
  const [after, fresh] = [await run('originals', 'seen', more), await run('none', 'unseen', more)];
  expect(after.notes).toMatch(
    /teacher outputs \(logits\) of 24 images: 100 % are stored in .*; the teacher need not run/,
  );
  expect(fresh.notes).toContain('computed while the first epoch runs');
  expect(after.weights).toBe(fresh.weights);
  // What the student sees differs from epoch to epoch all the same: with fixed views it learns otherwise.
  const fixed = await run('originals', 'fixed', overlay(more, { data: { views: 1 } } as never));
  expect(fixed.notes).toContain('the teacher need not run');
  expect(fixed.weights).not.toBe(after.weights);
});

it.each([
  [{ sees: 'original' }, {}, /teacher\.sees: .* got dearkd, which reads its maps: these are of places/],
  [
    { sees: 'original' },
    { method: 'kd', augment: { mixup: 0.8 } },
    /teacher\.sees: wanted images that are not mixed .*, got augment\.mixup=0\.8 .*\. Set augment\.mixup=0, or teacher\.sees=augmented/,
  ],
])('a teacher that sees the originals is refused where it cannot: %j %j', async (teacher, more, message) => {
  await expect(run('refused', 'refused', overlay({ teacher }, more as never))).rejects.toThrow(message);
  expect(existsSync(at('refused'))).toBe(false);
});

it.each([
  ['without fixed views', { data: { views: null } }, /store --fill: wanted fixed views .* Set data\.views/],
  [
    'where views are changed anew each time',
    { augment: { erase: 0.5 } },
    /got augment\.erase=0\.5, .* Set augment\.erase=0 for this and for the run/,
  ],
  [
    'where there is no room',
    { teacher: { store: { maxGB: 1e-6 } } },
    /wanted room for .* GB of teacher outputs, got teacher\.store\.maxGB 0\.000001\. Raise it/,
  ],
  ['without a teacher', { teacher: null }, /store --fill: wanted a teacher, got none/],
])('%s it is refused', async (_, more, message) => {
  await expect(fillStore(settings('refused', more))).rejects.toThrow(message);
});

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stream } from '../../src/random/stream.ts';
import type { RunSettings } from '../../src/run/training/runSettings.ts';
import type { Opened } from '../browser/chromium.ts';
import type { TabImage, TabTask } from '../browser/inTab.ts';
import { asked, closedTab, digitsAndTeacher, openTab, settingsOf, type TabRun, weightsOf } from '../browser/tabRuns.ts';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { CHROMIUM } from '../systemPackages.ts';

const KILLS = Number(process.env.KILLS ?? 10);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

const dir = temporaryFolder();
let opened: Opened;
let images: readonly TabImage[];
let teacher: Readonly<Record<string, Uint8Array>>;

beforeAll(async () => {
  const executable = CHROMIUM.find();
  if (!executable) throw new Error('wanted Chromium (Debian: chromium), got none');
  ({ images, teacher } = await digitsAndTeacher(dir));
  opened = await openTab(executable, { digits: join(dir, 'digits') });
});
afterAll(() => opened?.close());

type TrainTask = Extract<TabTask, { task: 'train' }>;
const taskOf = (task: Partial<TrainTask> & { readonly out: string }): TrainTask => ({
  ...{ task: 'train', images, teacher, settings: settingsOf(dir), student: 'vit_pico_patch4', method: 'kd' },
  ...task,
});
const run = (task: Parameters<typeof taskOf>[0]) => asked<TabRun>(opened.page, taskOf(task));

it(`${KILLS} tabs closed at random moments (KILLS=${KILLS} SEED=${SEED}) change no bit of what a run gives`, async () => {
  const random = stream('kill', SEED);
  const whole = await run({ out: 'whole' });
  // The browser has files and code at hand now: this is what a run takes.
  const began = performance.now();
  expect(weightsOf(await run({ out: 'again' }))).toEqual(weightsOf(whole));
  const span = performance.now() - began;
  console.log(`SEED=${SEED}: ${KILLS} kills, each within ${(span / 1000).toFixed(1)} s of a start`);
  for (let [kills, runs] = [0, 0]; kills < KILLS; runs++) {
    const out = `killed-${runs}`;
    for (let finished = false; !finished && kills < KILLS; ) {
      const after = random.uniform() * span;
      // A run that was closed before it had settings begins anew, as a user would.
      const resume = await hasSettings(out);
      const said: string[] = [];
      ({ finished } = await closedTab(opened, taskOf({ out, resume }), (page) => {
        page.on('console', (message) => said.push(message.text()));
        return new Promise((due) => setTimeout(due, after));
      }));
      if (!finished) kills++;
      const what = finished ? 'finished' : `kill ${kills} after ${(after / 1000).toFixed(1)} s`;
      console.log(`${out}: ${resume ? 'resumed' : 'begun'}, ${what}; last said: ${said.at(-1) ?? 'nothing'}`);
    }
    const end = await run({ out, resume: await hasSettings(out) });
    expect([end.result.reason, end.result.steps]).toEqual(['done', 20]);
    expect(end.losses).toEqual(whole.losses.slice(20 - end.losses.length));
    expect(weightsOf(end)).toEqual(weightsOf(whole));
  }
});

const hasSettings = (out: string): Promise<boolean> =>
  opened.page.evaluate<boolean>(`(async () => {
    let folder = await navigator.storage.getDirectory();
    try {
      for (const name of ['understudy', 'runs', '${out}']) folder = await folder.getDirectoryHandle(name);
      return (await (await folder.getFileHandle('config.yaml')).getFile()).size > 0;
    } catch {
      return false;
    }
  })()`);

it('a whole run on WebGPU, by the software adapter, has the losses of WebAssembly', async () => {
  const settings: RunSettings = {
    ...settingsOf(dir),
    train: { epochs: 2, batch: 50, threads: 1 },
    student: { settings: { patchSize: 14, depth: 1, width: 16, heads: 1 } },
  };
  const began = performance.now();
  const there = await run({ out: 'webgpu', settings, device: 'webgpu', real: true });
  const seconds = (performance.now() - began) / 1000;
  const here = await run({ out: 'wasm', settings });
  expect([there.result.reason, there.result.steps]).toEqual(['done', 4]);
  expect(there.notes.filter((note) => /computes otherwise|took the GPU away/.test(note))).toEqual([]);
  const apart = here.losses.map((loss, i) => Math.abs(there.losses[i]! / loss - 1));
  console.log(`WebGPU: ${seconds.toFixed(0)} s; losses apart by ${Math.max(...apart).toExponential(1)} at most`);
  expect(there.losses).not.toEqual(here.losses);
  expect(Math.max(...apart)).toBeLessThan(1e-3);
  const { computed } = JSON.parse(new TextDecoder().decode(there.files['checkpoints/last/state.json']));
  expect(computed).toBe('webgpu, train.threads=1');
});

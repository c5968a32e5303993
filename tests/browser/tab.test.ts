import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/run/evaluation/predict.ts';
import { distill, resume } from '../../src/run/training/trainNode.ts';
import { evaluateModel } from '../../src/run/evaluation/evaluate.ts';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import type { RunSettings } from '../../src/run/training/runSettings.ts';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { blocksOf } from '../docs/blocks.ts';
import { CHROMIUM } from '../systemPackages.ts';
import { bundled } from './bundle.ts';
import type { Opened } from './chromium.ts';
import type { TabImage, TabTask } from './inTab.ts';
import { exampleInPage, filesBelow, PLAIN_WORKER, plainInPage, sourceOf, writeFiles } from './tabImages.ts';
import { asked, closedTab, digitsAndTeacher, openTab, settingsOf, type TabRun, weightsOf } from './tabRuns.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const executable = CHROMIUM.find();

interface Suite {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
}

describe.skipIf(!executable)('in a browser tab', () => {
  let opened: Opened;
  beforeAll(async () => {
    const example = blocksOf(readFileSync(join(ROOT, 'docs/browser.md'), 'utf8')).find(
      ({ language }) => language === 'js',
    );
    const script = join(dir, 'worker.js');
    writeFileSync(script, example!.code);
    const scripts = { '/example.js': await bundled(script), '/plain.js': PLAIN_WORKER };
    opened = await openTab(executable!, { digits: join(dir, 'digits') }, scripts);
  });
  afterAll(() => opened?.close());
  const answer = <T>(task: TabTask): Promise<T> => asked(opened.page, task);

  it('has the files of a run', async () => {
    const { passed, failed } = await answer<Suite>({ task: 'files' });
    expect(failed).toEqual([]);
    expect(passed.length).toBe(6);
  });

  it('tells of a GPU that is lost', async () => {
    const { passed, failed } = await answer<Suite>({ task: 'lost' });
    expect(failed).toEqual([]);
    expect(passed.length).toBe(1);
  });

  for (const [device, threads] of [
    ['wasm', 1],
    ['wasm', 2],
    ['webgpu', 1],
  ] as const)
    it(`keeps the contract of an engine: ${device}, threads ${threads}`, async () => {
      const { passed, failed } = await answer<Suite>({ task: 'engine', device, threads });
      expect(failed).toEqual([]);
      expect(passed.length).toBe(14);
    });

  describe('a run', () => {
    let images: readonly TabImage[];
    let teacher: Readonly<Record<string, Uint8Array>>;

    beforeAll(async () => {
      ({ images, teacher } = await digitsAndTeacher(dir));
    });
    const taskOf = (task: Partial<Extract<TabTask, { task: 'train' }>> & { readonly out: string; method: string }) =>
      ({ task: 'train', images, teacher, settings: SETTINGS, student: 'vit_pico_patch4', ...task }) as const;
    const inTab = (task: Parameters<typeof taskOf>[0]) => answer<TabRun>(taskOf(task));
    /** Closes a tab of its own in which a run has made a step. */
    const killed = (task: Parameters<typeof taskOf>[0], step: number) =>
      closedTab(opened, taskOf(task), (page) =>
        page.waitForEvent('console', { predicate: (message) => message.text() === `step ${step}` }),
      );
    /** A run of each method, here and there, made once. */
    const made = new Map<string, Promise<[here: { losses: number[] }, there: TabRun]>>();
    const bothOf = (method: string) => {
      const known =
        made.get(method) ??
        Promise.all([inNode(method, `node-${method}`), inTab({ out: `tab-${method}`, method })] as const);
      made.set(method, known as Promise<[{ losses: number[] }, TabRun]>);
      return made.get(method)!;
    };
    const inNode = async (method: string, out: string) => {
      const losses: number[] = [];
      const run = await distill({
        data: sourceOf(images),
        teacher: join(dir, 'teacher'),
        student: 'vit_pico_patch4',
        method,
        out: join(dir, out),
        settings: SETTINGS,
        onEvent: (event) => event.type === 'step' && losses.push(event.loss),
      });
      return { run, losses };
    };

    for (const method of ['kd', 'dearkd'])
      it(`of ${method} has the losses of Node's, to 1e-5, over 20 steps`, async () => {
        const [here, there] = await bothOf(method);
        expect(here.losses.length).toBe(20);
        expect(there.losses.length).toBe(20);
        const apart = here.losses.map((loss, i) => Math.abs(loss - there.losses[i]!) / Math.abs(loss));

        expect(Math.max(...apart)).toBeLessThan(1e-5);
        expect(Object.keys(there.files).sort()).toEqual(expect.arrayContaining(['config.yaml', 'metrics.jsonl']));
      });

    it('as docs/browser.md shows it trains, answers and exports, and Node reads what it exported', async () => {
      const some = images.filter(({ val }) => !val);
      const shown = await opened.page.evaluate(exampleInPage, { teacher, pictures: some });
      expect(shown.reason).toBe('done');
      expect(shown.steps).toBeGreaterThan(2);
      const folder = join(dir, 'exported');
      await writeFiles(folder, shown.files);
      const model = await loadModel(folder);
      const [best] = await model.predict(Buffer.from(some[0]!.bytes));
      expect(best!.class).toBe(shown.best.class);
      expect(Math.abs(best!.probability - shown.best.probability)).toBeLessThan(1e-5);
      expect(Object.keys(shown.files)).toContain('onnx/model.onnx');
    });

    it('without a bundler: films, fetches a list of images, trains on both and answers', async () => {
      const list = (part: string) =>
        Object.fromEntries(
          ['3', '8'].map((name) => [
            name,
            readdirSync(join(dir, 'digits', part, name)).map((file) => `${part}/${name}/${file}`),
          ]),
        );
      writeFileSync(join(dir, 'digits/list.json'), JSON.stringify({ train: list('train'), val: list('val') }));
      const found = await opened.page.evaluate(plainInPage, '/digits/list.json');
      expect(found.sides).toEqual([64, 64]);
      expect(found.late).toBe('camera: wanted an open one, got one that was closed');
      expect(found.file).toMatchObject({ name: 'frame 1.jpg', type: 'image/jpeg' });
      expect(found.file.size).toBeGreaterThan(500);
      // 22 pictures, of which one of each class is kept aside, and 20 digits.
      expect(found.runs).toEqual([
        ['done', 2],
        ['done', 2],
      ]);
      expect(['Cup', 'Hand']).toContain(found.best.class);
      expect(found.notes.filter((note) => note.includes('thread that trains'))).toEqual([]);
    });

    it('is judged in the tab as in Node', async () => {
      const there = await answer<EvaluationReport>({ task: 'evaluate', images, model: teacher });
      const here = await evaluateModel(join(dir, 'teacher'), { data: join(dir, 'digits') });
      expect(there.part).toBe('the 20 validation images of digits');
      for (const measured of ['images', 'top1', 'top5', 'classes', 'absentClasses', 'skipped'] as const)
        expect(there[measured]).toEqual(here[measured]);
      expect(there.loss).toBeCloseTo(here.loss, 4);
    });

    it('of Node goes on in the tab', async () => {
      const stop = new AbortController();
      const before: number[] = [];
      const stopped = await distill({
        ...{ data: sourceOf(images), teacher: join(dir, 'teacher'), student: 'vit_pico_patch4', method: 'kd' },
        ...{ out: join(dir, 'begun'), settings: SETTINGS, signal: stop.signal },
        onEvent: (event) => event.type === 'step' && before.push(event.loss) === 9 && stop.abort(),
      });
      expect(stopped.reason).toBe('interrupted');
      const files = filesBelow(stopped.out);
      const { result, losses } = await inTab({ out: 'begun', method: 'kd', files, resume: true });
      expect([result.reason, result.steps, before.length + losses.length]).toEqual(['done', 20, 20]);
      const [{ losses: whole }] = await bothOf('kd');
      for (const [i, loss] of [...before, ...losses].entries())
        expect(Math.abs(loss / whole[i]! - 1)).toBeLessThan(1e-5);
    });

    it('whose tab is closed, twice and at no good moment, goes on to the bits of one that was left alone', async () => {
      const [, whole] = await bothOf('kd');
      await killed({ out: 'killed', method: 'kd' }, 6);
      await killed({ out: 'killed', method: 'kd', resume: true }, 11);
      const resumed = await inTab({ out: 'killed', method: 'kd', resume: true });
      expect([resumed.result.reason, resumed.result.steps]).toEqual(['done', 20]);
      // From the checkpoint after the second epoch, or of the third where it was written already.
      expect(resumed.losses).toEqual(whole.losses.slice(20 - resumed.losses.length));
      expect(resumed.losses.length).toBeGreaterThanOrEqual(8);
      expect(resumed.losses.length).toBeLessThanOrEqual(12);
      expect(weightsOf(resumed)).toEqual(weightsOf(whole));
    });

    describe('on WebGPU', () => {
      /** Two epochs of two updates of a small student. */
      const short: RunSettings = {
        ...SETTINGS,
        train: { epochs: 2, batch: 50, threads: 1 },
        student: { settings: { patchSize: 14, depth: 1, width: 16, heads: 1 } },
      };
      const made = new Map<string, Promise<TabRun>>();
      const inWasm = () => {
        if (!made.has('wasm')) made.set('wasm', inTab({ out: 'short-wasm', method: 'kd', settings: short }));
        return made.get('wasm')!;
      };

      it('goes on in WebAssembly where WebGPU answers wrongly, and says so', async () => {
        const task = { out: 'wrong', method: 'kd', settings: short, device: 'webgpu', wrong: 'zeros' } as const;
        const { result, losses, notes, ends, files } = await inTab(task);
        expect([result.reason, result.steps, ends]).toEqual(['done', 4, ['done']]);
        // What a resume is compared with is what computed.
        const { computed } = JSON.parse(new TextDecoder().decode(files['checkpoints/last/state.json']));
        expect(computed).toBe('wasm, train.threads=1');
        const told = notes.filter((note) => note.includes('computes otherwise'));
        expect(told).toEqual([
          expect.stringMatching(/ort-web-webgpu computes otherwise than ort-web-wasm: .* is 0 in place/),
        ]);
        const { losses: whole } = await inWasm();
        expect(losses).toEqual(whole);
      });

      it('goes on in WebAssembly from the last checkpoint where the GPU is lost, and says so', async () => {
        const task = { out: 'lost', method: 'kd', settings: short, device: 'webgpu', loseAt: 3 } as const;
        const { result, losses, notes, ends, files } = await inTab(task);
        expect([result.reason, result.steps, ends]).toEqual(['done', 4, ['done']]);
        expect(notes.filter((note) => note.includes('the browser took the GPU away'))).toHaveLength(1);
        expect(notes.filter((note) => note.includes('computes otherwise'))).toEqual([]);
        // An epoch of two steps, one step that is lost, and from the checkpoint between them the second epoch.
        expect(losses.length).toBe(5);
        const kept = [...losses.slice(0, 2), ...losses.slice(3)];
        const { losses: whole } = await inWasm();
        for (const [i, loss] of kept.entries()) expect(loss).toBe(whole[i]);
        expect(Object.keys(files)).toContain('checkpoints/last/state.json');
      });
    });

    it('stopped and gone on with has the bits of one that was not, in the tab and from Node', async () => {
      const [, whole] = await bothOf('kd');
      // Where workers cannot be started, the thread that trains makes the batches: the bits are those that workers make.
      const stopped = await inTab({ out: 'stopped', method: 'kd', stopAt: 9, workers: 'refused' });
      const alone = (run: TabRun) => run.notes.filter((note) => note.includes('Batches are made by the thread'));
      expect([alone(stopped), alone(whole)]).toEqual([[expect.stringContaining('no workers within workers')], []]);
      expect([stopped.result.reason, stopped.result.steps]).toEqual(['interrupted', 9]);
      const resumed = await inTab({ out: 'stopped', method: 'kd', resume: true });
      expect([...stopped.losses, ...resumed.losses]).toEqual(whole.losses);
      expect(weightsOf(resumed)).toEqual(weightsOf(whole));
      // The files of the stopped run, in Node: the same settings, data and teacher.
      await writeFiles(join(dir, 'carried'), stopped.files);
      const losses: number[] = [];
      const there = await resume(join(dir, 'carried'), {
        data: sourceOf(images),
        onEvent: (event) => event.type === 'step' && losses.push(event.loss),
      });
      expect([there.reason, there.steps, losses.length]).toEqual(['done', 20, 11]);
      for (const [i, loss] of losses.entries()) expect(Math.abs(loss / whole.losses[9 + i]! - 1)).toBeLessThan(1e-5);
    });
  });
});

const dir = temporaryFolder();

const SETTINGS = settingsOf(dir);

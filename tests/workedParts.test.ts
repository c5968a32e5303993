import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { lineChart } from '../src/analysis/lineChart.ts';
import { heading } from '../src/analysis/page.ts';
import { command, jsonFlag } from '../src/cli/command.ts';
import { COMMANDS, runProgram } from '../src/cli/program.ts';
import { parseConfig } from '../src/config/parse.ts';
import { runSchema } from '../src/config/schema.ts';
import type { ImageList } from '../src/data/dataset.ts';
import type { Engine } from '../src/engine/contract.ts';
import { ortNode } from '../src/engine/ortNode.ts';
import { alone } from '../src/cluster/ranks.ts';
import { systemClock } from '../src/host/clock.ts';
import type { Host } from '../src/host/host.ts';
import { type MemoryDisk, memoryDisk, memoryFiles } from '../src/host/memory/filesMemory.ts';
import { plainLoader, type ReadPixels } from '../src/data/loading/plainLoader.ts';
import { sha256 } from '../src/host/sha256.ts';
import { detailsOf } from '../src/report/details.ts';
import type { RunPage } from '../src/report/readRunNode.ts';
import { runPage, SECTIONS } from '../src/report/runPage.ts';
import { ofOneClass } from '../src/report/section.ts';
import { runOn } from '../src/run/training/runOn.ts';

/** The worked examples of docs/addingParts.md: the code between the rules is the page's, what follows it proves it. */

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** The code of a part of the page is that of this file. */
function expectShown(title: string): void {
  const [, part] = read('../docs/addingParts.md').split(`\n## ${title}\n`);
  const code = /^```ts\n([\s\S]*?)^```/m.exec(part!)![1]!;
  const body = code
    .slice(code.indexOf('/**'))
    .replace('export const', 'const')
    .replaceAll("import('../../", "import('../src/")
    .replaceAll("import('../text", "import('../src/cli/text")
    .trim();
  expect(body.length).toBeGreaterThan(300);
  expect(read('./workedParts.test.ts')).toContain(body);
}

// --- src/cli/commands/count.ts, whose imports begin one folder deeper --------------------------------------------------
/** Made up for docs/addingParts.md. */
const count = command({
  meta: { name: 'count', description: 'Count the images of each class' },
  args: {
    data: { type: 'string', valueHint: 'DIR', required: true, description: 'Images in class folders' },
    json: jsonFlag,
  },
  examples: ['understudy count --data photos'],
  run: async ({ args }) => {
    const { openDataset } = await import('../src/data/openDatasetNode.ts');
    const { print, printJson, table } = await import('../src/cli/text.ts');
    const { classes, train, val } = await openDataset(args.data, { seed: 0 });
    const labels = [...train.labels, ...val.labels];
    const images = classes.map((_, i) => labels.filter((label) => label === i).length);
    if (args.json) printJson(Object.fromEntries(classes.map((name, i) => [name, images[i]])));
    else print(table(classes.map((name, i) => [name, String(images[i])])));
  },
});
// --- src/report/sections/rareClasses.ts -------------------------------------------------------------------------------
/** Are the rare classes the bad ones? */
const rareClasses = ofOneClass(({ scores }) => {
  const points = scores.flatMap(({ images, f1 }) => (f1 === null ? [] : [{ x: images, y: 100 * f1 }]));
  const series = [{ name: 'a class', points: points.sort((a, b) => a.x - b.x), marks: true }];
  return [
    heading('Rare classes'),
    lineChart({ title: 'F1 by images of a class', xLabel: 'images', yLabel: '%', series }),
  ];
});
// --- src/host/web/hostTab.ts ------------------------------------------------------------------------------------------
/** A run in a tab: what pages have, and a folder that goes with the tab. */
const tabHost = (engine: Engine, disk: MemoryDisk, read: ReadPixels): Host => ({
  engine,
  computed: 'a tab', // another place rounds otherwise
  clock: systemClock,
  ranks: alone(), // one tab trains by itself
  loader: (options) => plainLoader(options, read),
  outputs: undefined, // no teacher outputs are kept
  files: memoryFiles('run', disk),
  writer: crypto.randomUUID(),
  sha256,
  gzip: async (text) => through(new Blob([text]), new CompressionStream('gzip')),
  gunzip: async (bytes) =>
    new TextDecoder().decode(await through(new Blob([Uint8Array.from(bytes)]), new DecompressionStream('gzip'))),
});

const through = async (blob: Blob, change: CompressionStream | DecompressionStream): Promise<Uint8Array> =>
  new Uint8Array(await new Response(blob.stream().pipeThrough(change)).arrayBuffer());
// ---------------------------------------------------------------------------------------------------------------------

describe('a command', () => {
  const dir = mkdtempSync(join(tmpdir(), 'count-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, images] of Object.entries({ cat: 3, dog: 5 })) {
    mkdirSync(join(dir, name));
    for (let i = 0; i < images; i++) writeFileSync(join(dir, name, `${i}.png`), '');
  }

  /** What it prints, on stdout and stderr together, and its status. */
  async function answer(...args: string[]): Promise<{ text: string; status: number }> {
    let text = '';
    const write = (chunk: unknown) => {
      text += String(chunk);
      return true;
    };
    const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(write));
    const status = await runProgram(args, { ...COMMANDS, count: async () => count });
    for (const spy of spies) spy.mockRestore();
    return { text, status };
  }

  it('is what the page shows', () => expectShown('A command'));

  it('is run, helped and checked as every other', async () => {
    expect(await answer('count', '--data', dir)).toEqual({ text: 'cat  3\ndog  5\n', status: 0 });
    expect(JSON.parse((await answer('count', '--data', dir, '--json')).text)).toEqual({ cat: 3, dog: 5 });
    expect((await answer('--help')).text).toMatch(/count +Count the images of each class/);
    expect((await answer('count', '--help')).text).toMatch(/--data DIR +Images in class folders \(required\)/);
    expect(await answer('count', '--date', dir)).toMatchObject({ text: expect.stringMatching(/--data/), status: 2 });
    expect((await answer('coumt')).text).toContain('count');
    expect((await answer('count', '--data', join(dir, 'absent'))).status).toBeGreaterThan(0);
  });
});

const SETUP = {
  student: 'vit_pico_patch4',
  parameters: 7,
  macs: 9,
  teacher: null,
  method: 'supervised',
  data: 'photos',
  trainImages: 4,
  imageSize: 28,
  imagesPerStep: 4,
  steps: 1,
  epochs: 1,
  seed: 0,
  choices: [],
};

describe('a chart of a report', () => {
  const page = (classes: string[], labels: number[], decisions: number[]): RunPage => ({
    name: 'run',
    folder: 'runs/run',
    config: {},
    configText: '',
    rows: [],
    details: detailsOf(
      { step: 1, epoch: 1, ema: false, metrics: {}, setup: SETUP },
      {
        classes,
        paths: labels.map((_, i) => `${i}.png`),
        labels: Int32Array.from(labels),
        student: { decisions: Int32Array.from(decisions), confidences: Float32Array.from(decisions, () => 0.8) },
        teacher: undefined,
        divergences: undefined,
      },
    ),
    hashes: [],
    speed: null,
    seconds: null,
    thumbnails: new Map(),
  });

  it('is what the page shows', () => expectShown('A chart of a report'));

  it('stands where its line is, says what the run has, and leaves the rest of the page as it was', () => {
    const run = page(['cat', 'dog'], [0, 0, 0, 1], [0, 0, 0, 0]);
    const with_ = runPage(run, [...SECTIONS, rareClasses]);
    const [chart] = /<h2>Rare classes<\/h2>[\s\S]*?<\/svg>/.exec(with_)!;
    expect(chart).toContain('F1 by images of a class');
    // Of three cats and a dog that is taken for one: F1 6/7 and 0.
    const points = [
      { x: 1, y: 0 },
      { x: 3, y: 600 / 7 },
    ];
    const series = [{ name: 'a class', points, marks: true }];
    expect(rareClasses(run)[1]).toBe(
      lineChart({ title: 'F1 by images of a class', xLabel: 'images', yLabel: '%', series }),
    );
    expect(with_.replace(chart, '').trim().replace(/\s+/g, '')).toBe(runPage(run).trim().replace(/\s+/g, ''));
    expect(rareClasses({ ...run, details: null })).toEqual([]);
  });
});

describe('a host', () => {
  const listOf = (part: string, count: number): ImageList => ({
    root: 'memory',
    paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
    labels: Int32Array.from({ length: count }, (_, i) => i % 2),
  });
  const inputs = {
    data: {
      labelled: true,
      multilabel: false,
      classes: ['dark', 'light'],
      train: listOf('train', 8),
      val: listOf('val', 4),
      splitSource: 'folders' as const,
      reportOnly: false,
      facts: { images: 8, classes: 2, shorterSide: 8 },
      notes: [],
      digests: { train: 'a', val: 'b' },
    },
    teacher: undefined,
    init: undefined,
  };
  const config = parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      student: { name: 'vit_pico_patch4', imageSize: 8, settings: { width: 8, depth: 1, heads: 2 } },
      method: 'supervised',
      optim: { lr: 0.02, warmupEpochs: 0 },
      train: { epochs: 4, batch: 4, evalBatch: 4, seed: 1 },
    },
    'test',
  );
  /** Odd images are light. */
  const readImage: ReadPixels = async (path) => ({
    width: 8,
    height: 8,
    data: new Uint8Array(192).fill(20 + 200 * (Number(path.split('/')[1]) % 2)),
  });

  it('is what the page shows', () => expectShown('A host'));

  it('carries a whole run, one that is stopped and gone on with, and leaves the same model', async () => {
    const engine = ortNode({ threads: 1 });
    const [whole, disk, stop] = [memoryDisk(), memoryDisk(), new AbortController()];
    const result = await runOn(tabHost(engine, whole, readImage), config, inputs);
    expect(result).toMatchObject({ reason: 'done', steps: 8 });
    expect(result.last['val/top1']).toBe(1);
    await runOn(tabHost(engine, disk, readImage), config, inputs, {
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 3 && stop.abort(),
    });
    await runOn(tabHost(engine, disk, readImage), config, inputs, { resume: true });
    const weights = (of: MemoryDisk) => of.files.get('model/model.safetensors')!;
    expect(weights(disk)).toEqual(weights(whole));
    // What the host compressed any other unpacks.
    expect(gunzipSync(whole.files.get('images.jsonl.gz')!).toString()).toContain('train/7');
  });
});

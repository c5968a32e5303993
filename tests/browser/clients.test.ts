import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDataset } from '../../src/data/openDatasetNode.ts';
import { type Rows, compareRows } from '../../src/run/exporting/agreement.ts';
import { onnxFile } from '../../src/run/exporting/files.ts';
import type { ExportReport } from '../../src/run/exporting/exportModel.ts';
import { loadModelReference, trainable } from '../../src/run/models/reference.ts';
import type { LoadedModel } from '../../src/run/models/loaded.ts';
import { ownRows } from '../../src/run/exporting/runInputs.ts';
import { openSample, readSample, type Sample } from '../../src/run/datasets/sampleImages.ts';
import type { VerifyReport } from '../../src/run/exporting/verify.ts';
import { jsonIn, temporaryFolder, understudy } from '../endToEnd/commandLine.ts';
import { type Block, blocksOf, forBrowsers } from '../docs/blocks.ts';
import { bundled } from './bundle.ts';
import { type Opened, open, WASM_PATHS } from './chromium.ts';
import { CHROMIUM } from '../systemPackages.ts';
import { writeDigits } from './digits.ts';
import { classify, type Job } from './page.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const IMAGES = 200;
/** A Python with what the snippet needs, which is in no package of Debian. */
const PYTHON = [process.env.PYTHON ?? 'python3'].find(
  (python) => spawnSync(python, ['-c', 'import numpy, onnxruntime, PIL']).status === 0,
);

// Loading two runtimes in a browser takes its time on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

// Digits of 28 px seen at 32 px, cut from 37 px: every image is resized and cropped. A hundred updates from random positions, at which
// the margins are what the bounds below were set by.
const STUDENT = [
  ...['--model', 'vit_pico_patch4', '--set', 'student.imageSize=32', '--set', 'augment.evalCropRatio=0.875'],
  ...[
    '--set',
    'student.settings={"patchSize":8,"depth":2,"width":32,"heads":2,"positionInit":"random"}',
    '--set',
    'augment.flip=0',
  ],
];

let model: LoadedModel;
let sample: Sample;
let ours: Rows;
let exported: ExportReport;

beforeAll(async () => {
  await writeDigits(join(dir, 'digits'), { train: 60, val: IMAGES / 10 });
  await json(
    ...['train', '--data', 'digits', '--batch', '50', '--epochs', '10', '--out', 'student'],
    ...[...STUDENT, '--set', 'optim.lr=0.004', '--set', 'augment.scale=[0.6,1]', '--set', 'train.evalEvery=10'],
  );
  exported = await json('export', 'student', '--out', 'my-model', '--dtype', 'q8,fp16,fp32', '--data', 'digits');
  model = await loadModelReference(join(dir, 'my-model'));
  sample = await readSample(model, await openSample(model, model.path, join(dir, 'digits')), IMAGES);
  ours = await ownRows(model, sample.inputs);
});

const card = () => readFileSync(join(dir, 'my-model/README.md'), 'utf8');
/** What the trainer says of the first image. */
const best = () => model.classes[ours[0]!.indexOf(Math.max(...ours[0]!))]!;

describe('export', () => {
  it('checks every file on real images: difference, agreement, accuracy', () => {
    expect(exported.checks.map(({ path }) => path)).toEqual([
      'onnx/model.onnx',
      'onnx/model_fp16.onnx',
      'onnx/model_quantized.onnx',
    ]);
    const [fp32, fp16, q8] = exported.checks.map(({ real }) => real!);
    // A little training, so that the decisions are close: the harder test.
    expect(exported.accuracy).toBeGreaterThan(0.15);
    expect([fp32!.images, fp32!.top1, fp32!.accuracy]).toEqual([IMAGES, 1, exported.accuracy]);
    expect(fp32!.largestDifference).toBeLessThan(1e-4);
    expect(fp16!.largestDifference).toBeGreaterThan(fp32!.largestDifference);
    expect(q8!.largestDifference).toBeGreaterThan(fp16!.largestDifference);
    for (const { top1, accuracy } of [fp16!, q8!]) {
      expect(top1).toBeGreaterThan(0.96);
      expect(Math.abs(accuracy! - exported.accuracy!)).toBeLessThan(0.03);
    }
    const bytes = (name: string) => exported.files.find(({ path }) => path.endsWith(name))!.bytes;
    expect(bytes('model_fp16.onnx')).toBeLessThan(0.6 * bytes('model.onnx'));
    expect(bytes('model_quantized.onnx')).toBeLessThan(0.7 * bytes('model.onnx'));
  });

  it("the model card's snippets for Node run as they stand, and answer as the trainer does", async () => {
    const modules = join(dir, 'node_modules');
    mkdirSync(modules);
    symlinkSync(join(ROOT, 'node_modules/@huggingface'), join(modules, '@huggingface'));
    symlinkSync(ROOT, join(modules, 'understudy'));
    cpSync(sample.paths[0]!, join(dir, 'image.jpg'));
    const snippets = blocksOf(card()).filter((block) => block.language === 'js' && !forBrowsers(block));
    expect(snippets.map(({ code }) => /from '([^']+)';\n/.exec(code)![1])).toEqual(['node:fs/promises', 'understudy']);
    const answers = snippets.map(({ code }, i) => {
      writeFileSync(join(dir, `snippet${i}.mjs`), code);
      return execFileSync(process.execPath, [`snippet${i}.mjs`], { cwd: dir, encoding: 'utf8' });
    });
    expect(answers[0]!.trim()).toBe(best());
    expect(answers[1]).toMatch(new RegExp(`class: '${best()}', probability`));
    expect(card()).toContain(`| \`onnx/model.onnx\` | fp32 | 100.00 % |`);
  });

  it.skipIf(!PYTHON)("the model card's snippet for Python runs as it stands, and answers as the trainer does", () => {
    cpSync(sample.paths[0]!, join(dir, 'image.jpg'));
    const [{ code }] = blocksOf(card()).filter(({ language }) => language === 'python') as [Block];
    writeFileSync(join(dir, 'snippet.py'), code);
    expect(execFileSync(PYTHON!, ['snippet.py'], { cwd: dir, encoding: 'utf8' }).trim()).toBe(best());
  });
});

describe('understudy verify', () => {
  let report: VerifyReport;
  beforeAll(async () => {
    report = await json<VerifyReport>('verify', 'my-model', '--data', 'digits', '--images', String(IMAGES));
  });

  it('every client gives the same top-1 through preprocess(), and transformers.js not quite through its own resize', () => {
    expect(report).toMatchObject({ images: IMAGES, accuracy: exported.accuracy, absent: [], agrees: true });
    const rows = report.rows.map(({ client, dtype, through }) => `${client.split(' ')[0]} ${dtype} ${through}`);
    const clients = ['onnxruntime-node', 'onnxruntime-web', 'transformers.js'];
    const wanted = ['fp32', 'fp16', 'q8'].flatMap((dtype) => [
      ...clients.map((client) => `${client} ${dtype} preprocess()`),
      `transformers.js ${dtype} its own resize`,
    ]);
    expect(rows).toEqual(wanted);
    for (const { dtype, through, top1, largestDifference } of report.rows.filter((row) => row.dtype === 'fp32')) {
      if (through === 'preprocess()') expect([dtype, top1, largestDifference < 1e-4]).toEqual([dtype, 1, true]);
      else expect(largestDifference).toBeGreaterThan(0.01);
    }
  });

  it('the table says by how much the trainer led where a file decides otherwise', async () => {
    const { stdout } = await understudy(dir, ['verify', 'my-model', '--data', 'digits', '--images', String(IMAGES)]);
    expect(stdout).toMatch(/same top-1 +lead where not +largest difference/);
    const otherwise = report.rows.filter(({ top1 }) => top1 < 1);
    // transformers.js's own resize at least: images are near each other for so weak a model.
    expect(otherwise.length).toBeGreaterThan(0);
    for (const { top1, margins } of otherwise) expect(margins).toHaveLength(Math.round(IMAGES * (1 - top1)));
    expect(stdout).toContain(otherwise[0]!.margins[0]!.toPrecision(2));
    expect(stdout).toContain(`its median over all images is ${report.margin.toPrecision(2)}`);
  });

  it('files of another model, or no ONNX at all: their rows say so, exit status 1', async () => {
    cpSync(join(dir, 'my-model'), join(dir, 'mixed'), { recursive: true });
    const bias = model.weights.get('head.bias')!;
    const other = { ...bias, data: bias.data.map((x, i) => (i === 3 ? x + 0.01 : x)) };
    const weights = new Map([...model.weights, ['head.bias', other] as const]);
    writeFileSync(join(dir, 'mixed/onnx/model.onnx'), onnxFile({ ...trainable(model), weights }));
    writeFileSync(join(dir, 'mixed/onnx/model_fp16.onnx'), 'no model');
    const found = await understudy(dir, ['verify', 'mixed', '--data', 'digits', '--images', '10', '--json']);
    expect(found.status, found.stderr).toBe(1);
    const { agrees, rows } = JSON.parse(found.stdout) as VerifyReport;
    expect(agrees).toBe(false);
    const faults = rows.filter(({ fault }) => fault).map(({ dtype, client }) => `${dtype} ${client.split(' ')[0]}`);
    expect(faults).toEqual([
      ...['fp32 onnxruntime-node', 'fp32 onnxruntime-web', 'fp32 transformers.js'],
      ...['fp16 onnxruntime-node', 'fp16 onnxruntime-web', 'fp16 transformers.js', 'fp16 transformers.js'],
    ]);
    expect(found.stderr).toMatch(
      /does not agree: onnxruntime-node, onnx\/model\.onnx: wanted logits within 0\.0010 of our own on 10 real images, got a difference of 0\.010/,
    );
    expect(found.stderr).toMatch(/onnxruntime-node, onnx\/model_fp16\.onnx: cannot be run: /);
  });

  it('a checkpoint without ONNX files, and images without labels', async () => {
    const { val } = await openDataset(join(dir, 'digits'), { valFraction: 0, seed: 0 });
    mkdirSync(join(dir, 'loose'));
    for (const [i, path] of val.paths.slice(0, 12).entries())
      cpSync(join(dir, 'digits', path), join(dir, 'loose', `${i}.png`));
    const { status, stdout, stderr } = await understudy(dir, ['verify', 'student/checkpoints/last', '--data', 'loose']);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/on 12 images; it has no ONNX files, so they were made for this table and removed/);
    expect(stdout).toMatch(/transformers\.js [\d.]+ +onnx\/model_quantized\.onnx +its own resize/);
    expect(stdout).not.toContain('accuracy');
  });
});

const executable = CHROMIUM.find();

async function bundledSnippet(code: string): Promise<string> {
  const path = join(dir, 'snippet.js');
  writeFileSync(path, code);
  return bundled(path);
}

describe.skipIf(!executable)('Chromium', () => {
  let opened: Opened;
  beforeAll(async () => {
    const image = sample.paths[0]!;
    const pictures = { 'image.jpg': image, 'cat.jpg': image };
    opened = await open(executable!, { models: dir, digits: join(dir, 'digits'), ...pictures });
  });
  afterAll(() => opened?.close());

  /** The page decodes the images itself, and feeds them through `understudy/browser`. */
  async function inPage(job: Partial<Job> & Pick<Job, 'client'>, count = IMAGES) {
    const urls = sample.paths.slice(0, count).map((path) => `/digits/${relative(join(dir, 'digits'), path)}`);
    return opened.page.evaluate(classify, { folder: 'my-model', wasmPaths: WASM_PATHS, urls, ...job });
  }

  const labels = () => sample.labels!;

  const [transformers, plain] = ['@huggingface/transformers', 'onnxruntime-web'];
  const page = (path: string) => () => readFileSync(join(ROOT, path), 'utf8');

  it.each([
    ['the model card', card, [transformers, plain, plain]],
    ['README', page('README.md'), [plain]],
    ['docs/deploy.md', page('docs/deploy.md'), [transformers, plain]],
  ])(
    'the snippets of %s for browsers run as they stand, and answer as the trainer does',
    async (_, text, libraries) => {
      const snippets = blocksOf(text()).filter(forBrowsers);
      expect(snippets.map(({ code }) => /from '([^']+)'/.exec(code)![1])).toEqual(libraries);
      // The last of the card needs all of Understudy, which a bundler brings.
      for (const { code } of snippets)
        expect(await opened.printed(code.includes('loadModel') ? await bundledSnippet(code) : code)).toBe(best());
    },
  );

  it('preprocess() of a canvas gives the very numbers of Node', async () => {
    const { inputs } = await inPage({ client: 'none' }, 20);
    expect(inputs).toHaveLength(20);
    for (const [i, input] of inputs.entries()) expect(Float32Array.from(input)).toEqual(sample.inputs[i]);
  });

  it.each([
    ['transformers.js', 'fp32', 1, 1e-3],
    ['transformers.js', 'q8', 0.97, 0.6],
    ['transformers.js', 'fp16', 0.99, 0.05],
    ['onnxruntime-web', 'fp32', 1, 1e-3],
  ] as const)('%s on WASM, %s: the same top-1 on 200 images', async (client, dtype, top1, difference) => {
    // q8 is what transformers.js takes by itself on WASM.
    const { rows } = await inPage({ client, device: 'wasm', ...(dtype === 'q8' ? {} : { dtype }) });
    const found = compareRows(
      ours,
      rows.map((row) => Float32Array.from(row)),
      labels(),
    );
    console.log(
      `${client}, WASM, ${dtype}: top-1 ${found.top1}, difference ${found.largestDifference.toExponential(1)}`,
    );
    expect(found.images).toBe(IMAGES);
    expect(found.top1).toBeGreaterThanOrEqual(top1);
    expect(found.largestDifference).toBeLessThan(difference);
  });

  it("transformers.js's own resize is measured: it moves the logits", async () => {
    const { rows } = await inPage({ client: 'transformers.js', device: 'wasm', dtype: 'fp32', ownResize: true });
    const found = compareRows(
      ours,
      rows.map((row) => Float32Array.from(row)),
      labels(),
    );
    console.log(`its own resize: top-1 ${found.top1}, difference ${found.largestDifference.toExponential(1)}`);
    expect(found.largestDifference).toBeGreaterThan(0.01);
  });

  it('transformers.js on WebGPU (software adapter): the same top-1 on 200 images', async () => {
    const { rows } = await inPage({ client: 'transformers.js', device: 'webgpu', dtype: 'fp32' });
    const found = compareRows(
      ours,
      rows.map((row) => Float32Array.from(row)),
      labels(),
    );
    expect([found.images, found.top1]).toEqual([IMAGES, 1]);
    expect(found.largestDifference).toBeLessThan(1e-3);
  });
});

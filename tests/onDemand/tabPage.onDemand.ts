import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ImageSource } from '../../src/data/imageSource.ts';
import { evaluateModel } from '../../src/run/evaluation/evaluate.ts';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import { loadModel } from '../../src/run/evaluation/predict.ts';
import { verifyModel } from '../../src/run/exporting/verify.ts';
import { distill, train } from '../../src/run/training/trainNode.ts';
import { startPage } from '../../src/studio/startPage.ts';
import { WASM_PATHS } from '../browser/chromium.ts';
import { writeDigits } from '../browser/digits.ts';
import { classify } from '../browser/page.ts';
import { digitsOf } from '../browser/tabImages.ts';
import { asked, openTab } from '../browser/tabRuns.ts';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { CHROMIUM } from '../systemPackages.ts';

const PASSES = 60;
const dir = temporaryFolder();
const executablePath = CHROMIUM.find();
let browser: Browser;
let served: Awaited<ReturnType<typeof startPage>>;

beforeAll(async () => {
  if (!executablePath) throw new Error('wanted Chromium (Debian: chromium), got none');
  // A hundred to learn from, and as many others to judge by.
  await writeDigits(join(dir, 'digits'), { train: 10, val: 10 });
  await writeDigits(join(dir, 'many'), { train: 60, val: 10 });
  await train({
    data: join(dir, 'many'),
    model: 'resnet8_small',
    out: join(dir, 'teacher'),
    settings: { train: { epochs: 10, batch: 50, threads: 1 }, augment: { flip: 0 } },
  });
  served = await startPage({ port: 0 });
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser?.close();
  await served?.close();
});

interface Kept {
  readonly classes: readonly { readonly name: string; readonly pictures: readonly { readonly name: string }[] }[];
  readonly training: { readonly name: string };
}

/** What the page keeps of its pictures and its training, and a file of that run. */
const keptBy = (page: Page): Promise<{ readonly project: Kept; readonly config: string }> =>
  page.evaluate(`(async () => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('understudy');
    const text = async (folder, name) => (await (await folder.getFileHandle(name)).getFile()).text();
    const project = JSON.parse(await text(await root.getDirectoryHandle('page'), 'project.json'));
    const run = await (await root.getDirectoryHandle('runs')).getDirectoryHandle(project.training.name);
    return { project, config: await text(run, 'config.yaml') };
  })()`);

/** From an empty profile to the files that the page gives. */
async function taught(): Promise<{ readonly zip: string; readonly project: Kept; readonly threads: number }> {
  const page = await (await browser.newContext({ acceptDownloads: true })).newPage();
  page.setDefaultTimeout(600_000);
  await page.goto(served.address);
  await page.locator('#pictures input[type=file]').setInputFiles(join(dir, 'digits/train'));
  await page.getByText('100 pictures in 10 classes').waitFor();
  await page.locator('#train input[type=file]').first().setInputFiles(join(dir, 'teacher/model'));
  await page.getByText('the new model learns from it').waitFor();
  await page.getByLabel('Passes', { exact: true }).check();
  await page.getByLabel('Number of passes').fill(String(PASSES));
  await page.getByLabel('Mirrored pictures show the same thing').uncheck();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByText(/It is right on \d+ of 10 pictures/).waitFor();
  await page.locator('#try input[type=file]').setInputFiles(join(dir, 'digits/val/3/0.png'));
  await page.locator('#try ol').nth(1).waitFor();
  const tried = await page.locator('#try').innerText();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download model', exact: true }).click();
  const zip = join(dir, 'zip');
  for (const [path, bytes] of Object.entries(unzipSync(Uint8Array.from(readFileSync(await (await download).path()))))) {
    mkdirSync(dirname(join(zip, path)), { recursive: true });
    writeFileSync(join(zip, path), bytes);
  }
  const [best] = await (await loadModel(zip)).predict(readFileSync(join(dir, 'digits/val/3/0.png')));
  expect(tried).toContain(`${best!.class}\n${Math.round(100 * best!.probability)} %`);
  const { project, config } = await keptBy(page);
  await page.context().close();
  return { zip, project, threads: Number(/threads: (\d+)/.exec(config)![1]) };
}

/** The pictures in the order in which the page has them, for Node. */
function pagesImages({ classes }: Kept): ImageSource {
  const files = new Map<string, string>();
  for (const { name, pictures } of classes)
    for (const [i, picture] of pictures.entries())
      files.set(`${name}/${i}`, join(dir, 'digits/train', name, picture.name));
  return {
    name: 'pictures',
    classes: classes.map(({ name }) => name).sort(),
    train: [...files.keys()].map((id) => ({ id, label: id.split('/')[0]! })),
    read: async (id) => Uint8Array.from(readFileSync(files.get(id)!)),
  };
}

it('from an empty profile: 100 digits are dropped in, taught, tried and taken away, to what Node makes of them, for every client', async () => {
  const { zip, project, threads } = await taught();
  const there = await evaluateModel(zip, { data: join(dir, 'digits') });
  const node = await distill({
    data: pagesImages(project),
    teacher: join(dir, 'teacher/model'),
    student: 'vit_pico_patch4',
    method: 'dearkd',
    out: join(dir, 'node'),
    settings: { train: { epochs: PASSES, threads }, augment: { flip: 0 } },
  });
  const here = await evaluateModel(join(node.out, 'model'), { data: join(dir, 'digits') });
  console.log(`right of ${here.images} others: the page's ${100 * there.top1!}, Node's ${100 * here.top1!}`);
  expect([there.images, here.images]).toEqual([100, 100]);
  expect(here.top1).toBeGreaterThan(0.5);
  expect(Math.abs(there.top1! - here.top1!)).toBeLessThanOrEqual(0.02);

  const verified = await verifyModel(zip, { data: join(dir, 'digits'), images: 100 });
  expect([verified.agrees, verified.images, verified.absent, verified.temporary]).toEqual([true, 100, [], false]);
  const clients = verified.rows.map(({ client }) => client.split(' ')[0]);
  expect(new Set(clients)).toEqual(new Set(['onnxruntime-node', 'onnxruntime-web', 'transformers.js']));

  const tab = await openTab(executablePath!, { models: dir, digits: join(dir, 'digits') });
  try {
    const images = (await digitsOf(join(dir, 'digits'))).filter(({ val }) => val);
    const model = await loadModel(zip);
    const classes = (await model.predict(Buffer.from(images[0]!.bytes), { top: 10 })).map((one) => one.class).sort();
    const decided = async (bytes: Uint8Array) => (await model.predict(Buffer.from(bytes)))[0]!.class;
    const ours = await Promise.all(images.map(({ bytes }) => decided(bytes)));
    for (const client of ['transformers.js', 'onnxruntime-web'] as const) {
      const urls = images.map(({ id }) => `/digits/${id}`);
      const job = { folder: 'zip', wasmPaths: WASM_PATHS, urls, client, device: 'wasm', dtype: 'fp32' } as const;
      const { rows } = await tab.page.evaluate(classify, job);
      expect(rows.map((row) => classes[row.indexOf(Math.max(...row))])).toEqual(ours);
    }
    const names = ['config.json', 'preprocessor_config.json', 'model.safetensors'];
    const files = names.map((name) => [name, Uint8Array.from(readFileSync(join(zip, name)))] as const);
    const told = await asked<EvaluationReport>(tab.page, {
      ...{
        task: 'evaluate',
        images: [...images, ...images.map((one) => ({ ...one, id: `again ${one.id}`, val: false }))],
      },
      model: Object.fromEntries(files),
    });
    expect([told.images, told.top1]).toEqual([100, there.top1]);
  } finally {
    await tab.close();
  }
});

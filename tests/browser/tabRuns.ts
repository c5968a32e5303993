import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { RunResult } from '../../src/run/training/course/result.ts';
import type { RunSettings } from '../../src/run/training/runSettings.ts';
import { train } from '../../src/run/training/trainNode.ts';
import { bundled } from './bundle.ts';
import { type Opened, open } from './chromium.ts';
import { writeDigits } from './digits.ts';
import type { TabImage, TabTask } from './inTab.ts';
import { digitsOf } from './tabImages.ts';

export interface TabRun {
  readonly result: RunResult;
  readonly losses: readonly number[];
  readonly notes: readonly string[];
  readonly ends: readonly string[];
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export const weightsOf = ({ files }: TabRun): string => {
  const weights = files['checkpoints/last/model.safetensors'];
  expect(weights!.length).toBeGreaterThan(10_000);
  return Buffer.from(weights!).toString('base64');
};

/** Five epochs of four updates. */
export const settingsOf = (dir: string): RunSettings => ({
  train: { epochs: 5, batch: 25, threads: 1 },
  augment: { flip: 0 },
  teacher: { ref: join(dir, 'teacher'), precision: 'fp32' },
  student: { settings: { patchSize: 7, depth: 4, width: 32, heads: 2 } },
});

/** A hundred digits and twenty to validate, in `digits`, and a teacher of them in `teacher`. */
export async function digitsAndTeacher(dir: string): Promise<{
  readonly images: readonly TabImage[];
  readonly teacher: Readonly<Record<string, Uint8Array>>;
}> {
  await writeDigits(join(dir, 'digits'), { train: 10, val: 2 });
  const { out } = await train({
    data: join(dir, 'digits'),
    model: 'resnet8_small',
    out: join(dir, 'teacher'),
    settings: { train: { epochs: 1, batch: 25, threads: 1 } },
  });
  const names = ['config.json', 'preprocessor_config.json', 'model.safetensors'];
  const teacher = names.map((name) => [name, Uint8Array.from(readFileSync(join(out, 'model', name)))]);
  return { images: await digitsOf(join(dir, 'digits')), teacher: Object.fromEntries(teacher) };
}

/** Chromium on a page whose workers can be asked what `inTab.ts` answers. */
export async function openTab(
  executable: string,
  folders: Readonly<Record<string, string>> = {},
  scripts: Readonly<Record<string, string>> = {},
): Promise<Opened> {
  const opened = await open(executable, folders, {
    '/inTab.js': await bundled('inTab.ts'),
    // Beside the script that begins them, as a bundler puts it.
    '/loadWorkerWeb.js': await bundled('../../src/data/loading/loadWorkerWeb.ts'),
    ...scripts,
  });
  // Chromium compiles a module once as long as somebody has it: else each worker waits for it, and runs it unoptimised at first.
  const wasm = '/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm';
  await opened.page.evaluate(
    `WebAssembly.compileStreaming(fetch('${wasm}')).then((compiled) => void (globalThis.kept = compiled))`,
  );
  return opened;
}

/** Sent to the page as text: runs a task in a worker of its own. */
const IN_WORKER = `async (task) => {
  const worker = new Worker('/inTab.js', { type: 'module' });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data.answer));
      worker.onerror = (event) => reject(new Error(event.message ?? 'the worker did not start'));
      worker.postMessage(task);
    });
  } finally {
    worker.terminate();
  }
}`;

export const asked = <T>(page: Page, task: TabTask): Promise<T> =>
  page.evaluate(new Function(`return ${IN_WORKER}`)() as (task: TabTask) => Promise<T>, task);

/** Begins a task in a tab of its own, which is closed at a moment; says what came of it until then. */
export async function closedTab(
  { page: beside }: Opened,
  task: TabTask,
  moment: (page: Page) => Promise<unknown>,
): Promise<{ readonly finished: boolean }> {
  const page = await beside.context().newPage();
  await page.goto(beside.url());
  const due = moment(page);
  const ran = asked(page, task);
  let finished = false;
  await Promise.race([due, ran.then(() => (finished = true))]);
  ran.catch(() => undefined);
  await page.close();
  due.catch(() => undefined);
  return { finished };
}

import * as wasm from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { engineContract } from '../../src/engine/contractSuite.ts';
import { type OrtWeb, ortWeb } from '../../src/engine/ortWeb.ts';
import { filesContract } from '../../src/host/filesSuite.ts';
import { deleteRun, storedRun, storedRuns } from '../../src/host/web/storageWeb.ts';
import type { ModelSource } from '../../src/run/models/modelSourceWeb.ts';
import { distillWeb, resumeWeb } from '../../src/run/training/trainWeb.ts';
import type { RunSettings } from '../../src/run/training/runSettings.ts';
import { runCollected } from './vitestInTab.ts';

/** What a test asks of the worker; one task a worker. */
export type TabTask =
  | { readonly task: 'engine'; readonly device: 'wasm' | 'webgpu'; readonly threads?: number }
  | { readonly task: 'files' }
  | {
      readonly task: 'train';
      readonly out: string;
      readonly device?: 'wasm' | 'webgpu';
      readonly images: readonly TabImage[];
      readonly teacher: Readonly<Record<string, Uint8Array>>;
      readonly settings: RunSettings;
      readonly student: string;
      readonly method: string;
      readonly resume?: boolean;
      /** Files that are put into the run's folder first: a run of Node's. */
      readonly files?: Readonly<Record<string, Uint8Array>>;
      /** Stops the run at this step. */
      readonly stopAt?: number;
    };

export interface TabImage {
  readonly id: string;
  readonly label: string;
  readonly val: boolean;
  readonly bytes: Uint8Array;
}

/** The worker's part of the browser tests. */
const worker = globalThis as unknown as {
  onmessage: (event: { readonly data: TabTask }) => void;
  postMessage(answer: unknown): void;
};

worker.onmessage = async ({ data }) => {
  try {
    worker.postMessage({ answer: await answers(data) });
  } catch (error) {
    worker.postMessage({ error: (error as Error).stack ?? String(error) });
  }
};

async function answers(task: TabTask): Promise<unknown> {
  if (task.task === 'engine') {
    const runtime = await runtimeOf(task.device);
    engineContract(ortWeb(runtime, { device: task.device, threads: task.threads }));
    return runCollected();
  }
  if (task.task === 'files') {
    let count = 0;
    filesContract('a browser', async () => {
      const name = `files-${count++}`;
      await deleteRun(name);
      return { files: await storedRun(name), reopen: () => storedRun(name) };
    });
    it('a name by which nothing was trained is refused, and is no run afterwards', async () => {
      const read = async () => new Uint8Array(0);
      const data = { name: 'none', classes: ['a', 'b'], train: [], val: [], read };
      await expect(resumeWeb('typo', { data, runtime: wasm })).rejects.toThrow(/typo: .*wanted the folder of/);
      expect(await storedRuns()).not.toContain('typo');
    });
    return runCollected();
  }
  return train(task);
}

const runtimeOf = async (device: 'wasm' | 'webgpu'): Promise<OrtWeb> =>
  device === 'wasm' ? wasm : ((await import('onnxruntime-web/webgpu')) as OrtWeb);

async function train(task: Extract<TabTask, { task: 'train' }>): Promise<unknown> {
  const losses: number[] = [];
  const notes: string[] = [];
  const stop = new AbortController();
  const bytes = new Map(task.images.map((image) => [image.id, image.bytes]));
  const listed = (val: boolean) =>
    task.images.filter((image) => image.val === val).map(({ id, label }) => ({ id, label }));
  const files = await storedRun(task.out);
  for (const [path, content] of Object.entries(task.files ?? {})) await files.replace(path, content);
  const common = {
    data: {
      name: 'digits',
      classes: [...new Set(task.images.map(({ label }) => label))].sort(),
      train: listed(false),
      val: listed(true),
      read: async (id: string) => bytes.get(id)!,
    },
    teacher: task.teacher as ModelSource,
    runtime: await runtimeOf(task.device ?? 'wasm'),
    device: task.device ?? ('wasm' as const),
    signal: stop.signal,
    onEvent: (event: import('../../src/train/events.ts').RunEvent) => {
      if (event.type === 'note') notes.push(JSON.stringify(event));
      if (event.type !== 'step') return;
      losses.push(event.loss);
      if (event.step === task.stopAt) stop.abort();
    },
  };
  const result = task.resume
    ? await resumeWeb(task.out, common)
    : await distillWeb({
        ...common,
        out: task.out,
        settings: task.settings,
        student: task.student,
        method: task.method,
      });
  const kept: Record<string, Uint8Array> = {};
  for (const path of await everyFile(task.out)) kept[path] = (await (await storedRun(task.out)).read(path))!;
  return { result, losses, notes, files: kept };
}

async function everyFile(out: string): Promise<string[]> {
  const files = await storedRun(out);
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const name of await files.list(folder)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (await files.hasFolder(path)) await walk(path);
      else found.push(path);
    }
  };
  await walk('');
  return found;
}

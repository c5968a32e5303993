import * as wasm from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { engineContract } from '../../src/engine/contractSuite.ts';
import { DeviceLost, type OrtWeb, ortWeb } from '../../src/engine/ortWeb.ts';
import type { ImageSource } from '../../src/data/imageSource.ts';
import { input } from '../../src/graph/build.ts';
import { filesContract } from '../../src/host/filesSuite.ts';
import { deleteRun, storedRun, storedRuns } from '../../src/host/web/storageWeb.ts';
import { add } from '../../src/ops/elementwise.ts';
import { closeProgram } from '../../src/program/program.ts';
import type { ModelSource } from '../../src/run/models/modelSourceWeb.ts';
import { evaluateWeb } from '../../src/run/evaluation/evaluateWeb.ts';
import { distillWeb, resumeWeb } from '../../src/run/training/trainWeb.ts';
import type { RunSettings } from '../../src/run/training/runSettings.ts';
import { runCollected } from './vitestInTab.ts';

/** What a test asks of the worker; one task a worker. */
export type TabTask =
  | { readonly task: 'engine'; readonly device: 'wasm' | 'webgpu'; readonly threads?: number }
  | { readonly task: 'files' }
  | { readonly task: 'lost' }
  | {
      readonly task: 'evaluate';
      readonly images: readonly TabImage[];
      readonly model: Readonly<Record<string, Uint8Array>>;
    }
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
      /** Those that make batches cannot be started. */
      readonly workers?: 'refused';
      /** Stops the run at this step. */
      readonly stopAt?: number;
      /** WebGPU is the browser's own, not a stand-in. */
      readonly real?: boolean;
      /** The GPU is lost at this step. */
      readonly loseAt?: number;
      /** WebGPU answers this where it should answer otherwise. */
      readonly wrong?: 'zeros';
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
  if (task.task === 'lost') {
    lostDevice((await runtimeOf('webgpu')) as OrtWeb);
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
  if (task.task === 'evaluate') return evaluateWeb(task.model, { data: sourceOf(task.images), runtime: wasm });
  return train(task);
}

/** On Chromium's own adapter. */
function lostDevice(runtime: OrtWeb): void {
  it('a device that is lost in the middle of a run is told, at once and by every call, and WebAssembly computes on', async () => {
    const [gpu, other] = [ortWeb(runtime, { device: 'webgpu' }), ortWeb(runtime, { threads: 1 })];
    const x = input('x', [64, 64]);
    const program = closeProgram({ next: add(x, 1) });
    const compiled = await gpu.compile(program, { stays: () => true });
    const [front, back] = [gpu.tensor('float32', [64, 64], new Float32Array(4096)), gpu.empty('float32', [64, 64])];
    await compiled.run({ x: front }, { next: back });
    const underWay = compiled.run({ x: back }, { next: front });
    ((await runtime.env.webgpu.device) as unknown as { destroy(): void }).destroy();
    await expect(underWay).rejects.toThrow('device webgpu: the browser took the GPU away');
    await expect(compiled.run({ x: front }, { next: back })).rejects.toThrow(DeviceLost);
    await expect(back.read()).rejects.toThrow(DeviceLost);
    await compiled.dispose();
    const again = await other.compile(program);
    const out = other.empty('float32', [64, 64]);
    await again.run({ x: other.tensor('float32', [64, 64], new Float32Array(4096)) }, { next: out });
    expect(((await out.read()) as Float32Array)[4095]).toBe(1);
  });
}

const runtimeOf = async (device: 'wasm' | 'webgpu'): Promise<OrtWeb> =>
  device === 'wasm' ? wasm : ((await import('onnxruntime-web/webgpu')) as OrtWeb);

/**
 * A runtime whose WebGPU is WebAssembly, since a software adapter takes a minute to compile a run's shaders: one that answers zeros
 * and says nothing, or one that can be lost.
 */
function standIn(runtime: OrtWeb, wrong: boolean): { readonly runtime: OrtWeb; lose(): void } {
  let lose = (): void => undefined;
  const lost = new Promise<{ message: string }>((resolve) => {
    lose = () => resolve({ message: 'taken away by a test' });
  });
  const create = async (model: Uint8Array, options: { readonly executionProviders: readonly string[] }) => {
    const { graphOptimizationLevel } = options as { graphOptimizationLevel?: 'all' };
    const session = await runtime.InferenceSession.create(model, {
      ...{ executionProviders: ['wasm'], enableMemPattern: false },
      ...(graphOptimizationLevel && { graphOptimizationLevel }),
    });
    if (!wrong || options.executionProviders[0] !== 'webgpu') return session;
    const run: typeof session.run = async (feeds, names) => {
      const results = await session.run(feeds, names as readonly string[]);
      const zeros = Object.entries(results).map(([name, { type, dims }]) => {
        const count = dims.reduce((size, side) => size * side, 1);
        return [name, type === 'float32' ? new runtime.Tensor(type, new Float32Array(count), dims) : results[name]];
      });
      return Object.fromEntries(zeros);
    };
    return { run, release: () => session.release() };
  };
  const env = { wasm: runtime.env.wasm, webgpu: { device: Promise.resolve({ lost }) } };
  return { runtime: { ...runtime, env, InferenceSession: { create } } as unknown as OrtWeb, lose };
}

function sourceOf(images: readonly TabImage[]): ImageSource {
  const bytes = new Map(images.map((image) => [image.id, image.bytes]));
  const listed = (val: boolean) => images.filter((image) => image.val === val).map(({ id, label }) => ({ id, label }));
  return {
    name: 'digits',
    classes: [...new Set(images.map(({ label }) => label))].sort(),
    train: listed(false),
    val: listed(true),
    read: async (id: string) => bytes.get(id)!,
  };
}

async function train(task: Extract<TabTask, { task: 'train' }>): Promise<unknown> {
  if (task.workers === 'refused') Reflect.deleteProperty(globalThis, 'Worker');
  const losses: number[] = [];
  const notes: string[] = [];
  const ends: string[] = [];
  const stop = new AbortController();
  const files = await storedRun(task.out);
  const { runtime, lose } =
    task.device === 'webgpu' && !task.real
      ? standIn(wasm, task.wrong === 'zeros')
      : { runtime: await runtimeOf(task.device ?? 'wasm'), lose: () => undefined };
  for (const [path, content] of Object.entries(task.files ?? {})) await files.replace(path, content);
  const common = {
    data: sourceOf(task.images),
    teacher: task.teacher as ModelSource,
    runtime,
    device: task.device ?? ('wasm' as const),
    signal: stop.signal,
    onEvent: (event: import('../../src/train/events.ts').RunEvent) => {
      if (event.type === 'note') notes.push(JSON.stringify(event));
      if (event.type === 'runEnd') ends.push(event.reason);
      if (event.type !== 'step') return;
      losses.push(event.loss);
      console.log(`step ${event.step}`);
      if (event.step === task.stopAt) stop.abort();
      if (event.step === task.loseAt) lose();
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
  return { result, losses, notes, ends, files: kept };
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

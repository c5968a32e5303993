import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { openDataset } from '../../src/data/openDatasetNode.ts';
import type { ImageSource } from '../../src/data/imageSource.ts';
import type { ClassProbability } from '../../src/run/evaluation/imageModel.ts';
import type { TabImage } from './inTab.ts';

/** Writes files by their paths below a folder. */
export async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** All files below a folder, by their paths. */
export const filesBelow = (root: string): Record<string, Uint8Array> =>
  Object.fromEntries(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(root, path), Uint8Array.from(readFileSync(path))]),
  );

/** Sent to the page as text: gives the worker of the docs pictures as a page would, and waits for its last message. */
export const exampleInPage = new Function(
  'given',
  `
  const worker = new Worker('/example.js', { type: 'module' });
  const pictures = {};
  for (const { id, label, bytes } of given.pictures)
    (pictures[label] ??= []).push(new File([bytes], id.split('/').pop()));
  return new Promise((resolve, reject) => {
    let steps = 0;
    worker.onmessage = ({ data }) => {
      if (data.type === 'step') steps++;
      if (data.type === 'trained') resolve({ ...data, steps, files: Object.fromEntries(data.files) });
    };
    worker.addEventListener('message', ({ data }) => data.type === 'failed' && reject(new Error(data.message)));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ teacher: given.teacher, pictures });
  });`,
) as (given: object) => Promise<{
  readonly reason: string;
  readonly steps: number;
  readonly best: ClassProbability;
  readonly files: Readonly<Record<string, Uint8Array>>;
}>;

/** Images in class folders, with their bytes. */
export async function digitsOf(root: string): Promise<TabImage[]> {
  const { classes, train: trained, val } = await openDataset(root, { seed: 0 });
  const listed = (list: typeof val, isVal: boolean): TabImage[] =>
    list.paths.map((id, i) => ({
      ...{ id, label: classes[list.labels[i]!]!, val: isVal },
      bytes: Uint8Array.from(readFileSync(join(list.root, id))),
    }));
  return [...listed(trained, false), ...listed(val, true)];
}

/** The same images for a run in Node. */
export function sourceOf(images: readonly TabImage[]): ImageSource {
  const bytes = new Map(images.map((image) => [image.id, image.bytes]));
  const listed = (isVal: boolean) => images.filter(({ val }) => val === isVal).map(({ id, label }) => ({ id, label }));
  return {
    name: 'digits',
    classes: [...new Set(images.map(({ label }) => label))].sort(),
    train: listed(false),
    val: listed(true),
    read: async (id) => bytes.get(id)!,
  };
}

/** A worker without a bundler: the scripts of the package and of the runtime, by their addresses. */
export const PLAIN_WORKER = `
import * as runtime from '/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs';
import { imagesAt, imagesOf, loadModel, train } from '/dist/web/module/browser.js';

self.onmessage = ({ data }) => work(data).catch((error) => self.postMessage({ error: error.stack }));

async function work({ filmed, list, frame }) {
  const notes = [];
  const runs = [];
  for (const [out, data] of [['filmed', imagesOf(filmed)], ['fetched', await imagesAt(list)]])
    runs.push(await train({
      ...{ runtime, data, out, model: 'resnet8_small', settings: { train: { epochs: 1, batch: 10, threads: 1 } } },
      onEvent: (event) => event.type === 'note' && notes.push(event.message),
    }));
  const model = await loadModel('filmed', { runtime });
  const [best] = await model.predict(frame);
  self.postMessage({ notes, best, runs: runs.map(({ reason, steps }) => [reason, steps]) });
}`;

/** Sent to the page as text: films two classes, and gives them, the address of a list of images and one frame more to that worker. */
export const plainInPage = new Function(
  'list',
  `
  const run = async () => {
    const { openCamera } = await import('/dist/web/module/browser.js');
    const camera = await openCamera({ side: 64 });
    const filmed = { Cup: [], Hand: [] };
    for (let i = 0; i < 22; i++) filmed[i % 2 ? 'Cup' : 'Hand'].push(await camera.picture('frame ' + i + '.jpg'));
    const frame = await camera.frame();
    await camera.close();
    const late = await camera.frame().then(() => 'a frame', (error) => error.message);
    const sides = [frame.width, frame.height];
    const { name, type, size } = filmed.Cup[0];
    const worker = new Worker('/plain.js', { type: 'module' });
    const answer = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = ({ message }) => reject(new Error(message ?? 'the worker did not start'));
      worker.postMessage({ filmed, list, frame }, [frame]);
    });
    worker.terminate();
    return { ...answer, sides, late, file: { name, type, size } };
  };
  return run();`,
) as (list: string) => Promise<{
  readonly notes: readonly string[];
  readonly best: ClassProbability;
  readonly runs: readonly (readonly [string, number])[];
  readonly sides: readonly number[];
  readonly late: string;
  readonly file: { readonly name: string; readonly type: string; readonly size: number };
}>;

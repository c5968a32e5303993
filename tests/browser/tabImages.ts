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

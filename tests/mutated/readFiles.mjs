/**
 * Reads files as the commands do, from the build, in a process of its own: what crashes or hangs is then seen from outside.
 * A message is a job {kind, folder, files, train}; each answer says of a file what came of it, `alive` that it goes on, and the
 * last one of a job what the process holds.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { smallTransform } from '../../dist/data/augment/pipeline.js';
import { createLoader } from '../../dist/data/loading/loaderNode.js';
import { openDataset } from '../../dist/data/openDatasetNode.js';
import { UserError } from '../../dist/graph/errors.js';
import { printable } from '../../dist/graph/printable.js';
import { trainingInput } from '../../dist/cli/trainingInput.js';
import { startRun } from '../../dist/run/training/startRunNode.js';
import { readPlan } from '../../dist/study/readPlan.js';
import { goOn, goOnWithSet, useModelFile, useModelFolder } from './useFiles.mjs';

const transform = smallTransform(16);
const tell = (message) => process.send(message);
const peak = () => 1024 * process.resourceUsage().maxRSS;

/** What came of reading: `found` where it went well, else the error as a user would see it. */
async function outcome(file, read) {
  tell({ begin: file });
  const [began, used] = [performance.now(), process.cpuUsage()];
  const after = () => {
    const { user, system } = process.cpuUsage(used);
    return { file, ms: performance.now() - began, cpuMs: (user + system) / 1000, peak: peak() };
  };
  try {
    const found = await read();
    tell({ ...after(), state: 'read' });
    return found;
  } catch (error) {
    const user = error instanceof UserError;
    tell({
      ...after(),
      state: user ? 'refused' : 'crashed',
      message: user ? error.message : String(error.stack ?? error),
    });
    return undefined;
  }
}

/** Reads all images of a list through the loader; gives path -> reason of those that cannot be read. */
async function load(list, train) {
  const loader = createLoader({ ...{ list, transform, batch: 1, train, seed: 0 }, workers: 2, maxBadFraction: 1 });
  try {
    let step = 0;
    for await (const batch of loader.batches()) {
      if (!batch.images.every(Number.isFinite))
        throw new Error(`${list.paths[batch.indices[0]]}: pixels that are no numbers`);
      batch.release();
      tell({ alive: true });
      if (++step === list.paths.length) break;
    }
    return loader.bad;
  } finally {
    await loader.close();
  }
}

/** A folder of images; the last one is whole, so that there is one to read. */
async function readImages({ folder, train }) {
  const { train: list } = await openDataset(folder, { seed: 0, valFraction: 0 });
  const bad = await load(list, train);
  for (const path of list.paths)
    tell(bad.has(path) ? { file: path, state: 'refused', message: bad.get(path) } : { file: path, state: 'read' });
}

/** Tables and shards, and then all the images that they name or hold. */
async function readArchives({ folder, files, train }) {
  const [paths, labels, owner] = [[join(folder, 'images/0.png')], [-1], new Map()];
  for (const file of files) {
    const options = { seed: 0, cacheDir: join(folder, 'cache') };
    const set = await outcome(file, () => openDataset(join(folder, file), options));
    for (const list of set ? [set.train, set.val] : [])
      for (const [i, path] of list.paths.entries()) {
        const known = [...(list.sets?.[i] ?? [list.labels[i]])];
        if (known.some((label) => !(label >= -1 && label < Math.max(1, set.classes.length))))
          tell({ file, state: 'crashed', message: `label ${known} of ${set.classes.length} classes` });
        const address = `${list.root}/${path}`;
        if (owner.has(address)) continue;
        owner.set(address, file);
        paths.push(address);
        labels.push(list.labels[i]);
      }
  }
  const bad = await load({ root: '', paths, labels: Int32Array.from(labels) }, train);
  for (const [path, reason] of bad) tell({ file: owner.get(path), state: 'bad', message: reason });
  tell({ images: paths.length - bad.size });
}

/** A configuration that is right comes as far as its images, which are not there. */
async function readSettings({ kind, folder, files }) {
  for (const file of files)
    await outcome(file, async () => {
      const path = join(folder, file);
      try {
        if (kind === 'study') await readPlan(path);
        else if (kind === 'run')
          await startRun('train', await trainingInput({ config: path }, {}, []), { out: join(folder, 'out') });
        else await startRun('distill', {}, { out: join(path, '..'), resume: true });
      } catch (error) {
        const places = kind === 'study' || !(error instanceof UserError) ? [] : placesOf(path);
        if (!places.some((place) => error.message.startsWith(`${printable(place)}: `))) throw error;
      }
    });
}

function placesOf(path) {
  try {
    const data = parse(readFileSync(path, 'utf8'), { logLevel: 'error' })?.data;
    return [data?.dir, data?.valDir].flat().filter((place) => typeof place === 'string');
  } catch {
    return [];
  }
}

/** Files that are read one by one, below a folder. */
const each =
  (read) =>
  async ({ folder, files }) => {
    for (const file of files) await outcome(file, () => read(folder, file));
  };

const READERS = {
  image: readImages,
  csv: readArchives,
  tar: readArchives,
  parquet: readArchives,
  weights: each(useModelFile),
  onnx: each(useModelFile),
  config: each(useModelFolder),
  preprocessor: each(useModelFolder),
  model: each(useModelFolder),
  state: each(goOn),
  optimizer: each(goOn),
  set: each(goOnWithSet),
};

process.on('message', async (job) => {
  try {
    await (READERS[job.kind] ?? readSettings)({ ...job, folder: resolve(job.folder) });
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    tell({ done: true, held: { rss, heapUsed, external }, peak: peak() });
  } catch (error) {
    tell({ done: true, failed: String(error.stack ?? error) });
  }
});
tell({ ready: true });

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RunInput } from '../../src/config/schema.ts';
import type { SynthesisInput } from '../../src/config/synthesis.ts';
import { synthesize } from '../../src/run/synthesis/synthesize.ts';
import { trainRun } from '../../src/run/training/trainRunNode.ts';
import { writeDataset } from '../endToEnd/commandLine.ts';
import { resnetFiles } from './modelSeeds.ts';
import { repairedDigests } from './repair.ts';
import type { FileSet, Seed } from './seeds.ts';

/** Images of a run below the harness's folder, and as its settings name them from where the files are read. */
export const DATA = 'data';
const NAMED = `../../../${DATA}`;
const LAST = 'checkpoints/last';

/** Every file below a folder. */
function filesIn(dir: string): FileSet {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(dir.length + 1), readFileSync(path)]));
}

export function writeFiles(dir: string, files: FileSet): void {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), bytes);
  }
}

function seedOf(name: string, files: FileSet, file: string): Seed {
  const { [file]: bytes, ...beside } = files;
  return { name: `${name}, ${file}`, ending: file.split('.').at(-1)!, bytes: bytes!, file, beside };
}

/** A run that was stopped a step before its end, as this release and as an older one saves it: without digests. */
export async function checkpointSeeds(dir: string): Promise<Record<'state' | 'optimizer', Seed[]>> {
  const data = join(dir, DATA);
  await writeDataset(data);
  const input: RunInput = {
    data: { dir: data, workers: 1 },
    student: { name: 'resnet8_small', imageSize: 16, settings: { depths: [1, 1, 1], widths: [4, 8, 8] } },
    train: { batch: 8, threads: 1, epochs: 2, checkpointSeconds: 1e6, ema: 0.9 },
    optim: { name: 'adamw' },
  };
  const [out, stop] = [join(dir, 'stopped'), new AbortController()];
  const onEvent = (event: { type: string; step?: number }) => {
    if (event.type === 'step' && event.step === 5) stop.abort();
  };
  await trainRun(input, { out, signal: stop.signal, onEvent });
  const kept = Object.entries(filesIn(out)).filter(([name]) => !/tfevents|\.html$/.test(name));
  rmSync(out, { recursive: true });
  const isText = (name: string) => /\.(json|yaml)$/.test(name);
  // The folder of the harness has another name each time.
  const named = kept.map(([name, bytes]): [string, Buffer] => [
    name,
    isText(name) ? Buffer.from(bytes.toString('utf8').replaceAll(data, NAMED)) : bytes,
  ]);
  const files = repairedDigests(Object.fromEntries(named), LAST);
  const { digests: _, ...older } = JSON.parse(files[`${LAST}/state.json`]!.toString('utf8'));
  const olderFiles = { ...files, [`${LAST}/state.json`]: Buffer.from(JSON.stringify(older)) };
  const of = (file: string) => [
    seedOf('checkpoint', files, `${LAST}/${file}`),
    seedOf('older checkpoint', olderFiles, `${LAST}/${file}`),
  ];
  return { state: of('state.json'), optimizer: of('optimizer.safetensors') };
}

/** A synthesised set of two batches, beside its teacher and what was asked for. */
export async function setSeeds(dir: string): Promise<Seed[]> {
  const settings: SynthesisInput = { iterations: 1, classesPerBatch: 3, imagesPerClass: 1, threads: 1 };
  const asked = { images: 6, settings };
  const [teacher, out] = [join(dir, 'teacher'), join(dir, 'set')];
  writeFiles(teacher, resnetFiles());
  await synthesize({ teacher, out, ...asked });
  const within = (folder: string) =>
    Object.entries(filesIn(join(dir, folder))).map(([name, bytes]) => [`${folder}/${name}`, bytes]);
  const files: FileSet = {
    ...Object.fromEntries([...within('teacher'), ...within('set')]),
    'asked.json': Buffer.from(JSON.stringify(asked)),
  };
  rmSync(teacher, { recursive: true });
  rmSync(out, { recursive: true });
  return ['set/batches/round1/00000/batch.json', 'set/synthesis.json', 'set/manifest.json', 'set/quality.json'].map(
    (file) => seedOf('set', files, file),
  );
}

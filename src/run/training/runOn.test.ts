import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import type { ImageList } from '../../data/dataset.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import { UserError } from '../../graph/errors.ts';
import { type MemoryDisk, memoryDisk } from '../../host/memory/filesMemory.ts';
import { memoryHost } from '../../host/memory/hostMemory.ts';
import type { Wish } from '../../host/wish.ts';
import { stream } from '../../random/stream.ts';
import type { RunEvent } from '../../train/events.ts';
import { parseMetricRows, withoutTimings } from '../../train/loggers/metricRow.ts';
import type { RunInputs } from './prepare/assemble.ts';
import { runOn } from './runOn.ts';

/**
 * Two stages of two epochs, each of two updates of two micro-batches, the first on smaller images; weights are averaged, paths and
 * patches are dropped.
 */
const config = parseConfig(
  runSchema,
  {
    data: { dir: 'memory' },
    student: {
      name: 'vit_pico_patch4',
      imageSize: 8,
      settings: { width: 8, depth: 1, heads: 2, dropPath: 0.3, patchDropout: 0.25 },
    },
    method: 'supervised',
    stages: [
      { method: 'supervised', share: 0.5, imageSize: 4 },
      { method: 'supervised', share: 0.5, optim: { lr: 0.005, warmupEpochs: 0 } },
    ],
    optim: { lr: 0.01, warmupEpochs: 1 },
    train: { epochs: 4, batch: 2, accumulate: 2, evalBatch: 4, ema: 0.9, seed: 3, checkpointSeconds: 0.05 },
  },
  'test',
);

const listOf = (part: string, count: number): ImageList => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => i % 2),
});

const inputs: RunInputs = {
  data: {
    labelled: true,
    multilabel: false,
    classes: ['dark', 'light'],
    train: listOf('train', 9),
    val: listOf('val', 5),
    splitSource: 'folders',
    reportOnly: false,
    facts: { images: 9, classes: 2, shorterSide: 8 },
    notes: [],
    digests: { train: 'a', val: 'b' },
  },
  teacher: undefined,
  init: undefined,
};

/** Odd images are light. */
async function read(path: string): Promise<Pixels> {
  const draw = stream(1, path);
  const light = 128 * (Number(path.split('/')[1]) % 2);
  return { width: 9, height: 10, data: Uint8Array.from({ length: 270 }, () => light + draw.below(100)) };
}

const run = (disk: MemoryDisk, resume = false, before?: (change: string) => void) =>
  runOn(memoryHost({ disk, read, ...(before && { before }) }), config, inputs, { resume });

/** A run that is asked once, at its second look in the first epoch; `at` is the step after which it was. */
async function asked(disk: MemoryDisk, wish: Wish) {
  let [looks, at, step] = [0, 0, 0];
  const take = async (): Promise<Wish | undefined> => {
    if (looks++ !== 1) return undefined;
    at = step;
    return wish;
  };
  const onEvent = (event: RunEvent) => {
    if (event.type === 'step') step = event.step;
  };
  const result = await runOn(memoryHost({ disk, read, wish: take }), config, inputs, { onEvent });
  return { ...result, at };
}

/** The steps after which a checkpoint to go on from was saved. */
const saves = ({ files }: MemoryDisk): number[] =>
  [...new TextDecoder().decode(files.get('train.log')).matchAll(/saved last of step (\d+)/g)].map(([, step]) =>
    Number(step),
  );

/** All that a run leaves, without what depends on time alone. */
function leftBy({ files }: MemoryDisk) {
  const rows = parseMetricRows(new TextDecoder().decode(files.get('metrics.jsonl'))).map(withoutTimings);
  const timed = /^(metrics\.jsonl|train\.log|events\.)/;
  return { rows, files: Object.fromEntries([...files].filter(([path]) => !timed.test(path)).sort()) };
}

class Killed extends Error {}

describe('a run on a host in memory', () => {
  it('goes through its stages and leaves what every run leaves', async () => {
    const disk = memoryDisk();
    const locked: boolean[] = [];
    const result = await run(disk, false, () => locked.push(disk.locked));
    // Whoever comes meanwhile is kept out.
    expect(new Set(locked)).toEqual(new Set([true]));
    expect(result).toMatchObject({ out: 'run', reason: 'done', steps: 8 });
    expect(result.last['val/top1']).toBe(1);
    const { rows, files } = leftBy(disk);
    expect(rows.filter((row) => 'train/loss' in row).map(({ step, stage }) => [step, stage])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((step) => [step, step <= 4 ? 0 : 1]),
    );
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining([
        'config.yaml',
        'evaluation.json',
        'predictions.csv',
        'summary.csv',
        'checkpoints/last/state.json',
        'checkpoints/best/optimizer.safetensors',
        'model/onnx/model.onnx',
      ]),
    );
    const said = new TextDecoder().decode(files['predictions.csv']).trim().split('\n');
    expect(said[0]).toBe('image,class,prediction,probability');
    // All are right, as top-1 says above.
    for (const line of said.slice(1)) expect(line.split(',')[1]).toBe(line.split(',')[2]);
    expect(said.length).toBeGreaterThan(1);
    expect(disk.locked).toBe(false);
  });

  it('killed before any change of its folder and gone on with, it leaves the same bytes', async () => {
    const whole = memoryDisk();
    const changes: string[] = [];
    await run(whole, false, (change) => changes.push(change));
    // Before the first change of each kind of file, and in the second stage.
    const kinds = [...new Set(changes)].filter((change) => /^replace/.test(change));
    const late = ['replaceFolder checkpoints/last', 'append metrics.jsonl'].map((kind) => changes.lastIndexOf(kind));
    expect(kinds.length).toBeGreaterThan(5);
    for (const kill of [...kinds.map((kind) => changes.indexOf(kind)), ...late]) {
      const disk = memoryDisk();
      let at = 0;
      const before = () => {
        if (at++ >= kill) throw new Killed();
      };
      await expect(run(disk, false, before)).rejects.toThrow();
      disk.locked = false;
      const hasRun = disk.files.has('config.yaml');
      await run(disk, hasRun);
      expect(leftBy(disk), `killed before ${changes[kill]}`).toEqual(leftBy(whole));
    }
  });

  it('stopped between two updates it says how far it is, and goes on from there', async () => {
    const [whole, disk, stop] = [memoryDisk(), memoryDisk(), new AbortController()];
    await run(whole);
    const stopped = await runOn(memoryHost({ disk, read }), config, inputs, {
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 5 && stop.abort(),
    });
    expect(stopped).toMatchObject({ reason: 'interrupted', steps: 5 });
    expect(await run(disk, true)).toMatchObject({ reason: 'done', steps: 8 });
    expect(leftBy(disk)).toEqual(leftBy(whole));
  });

  it('asked for a checkpoint it saves and goes on to the same bytes; asked to stop it can be gone on with', async () => {
    const [whole, saved, stopped] = [memoryDisk(), memoryDisk(), memoryDisk()];
    await run(whole);
    const { steps, at } = await asked(saved, 'save');
    expect(steps).toBe(8);
    expect(saves(saved)).toContain(at);
    expect(saves(whole)).not.toContain(at);
    expect(leftBy(saved)).toEqual(leftBy(whole));
    const half = await asked(stopped, 'stop');
    expect(half).toMatchObject({ reason: 'interrupted', steps: half.at });
    expect(await run(stopped, true)).toMatchObject({ reason: 'done', steps: 8 });
    expect(leftBy(stopped)).toEqual(leftBy(whole));
  });

  it('asked to finish it evaluates where it is and is done, also for a resume; what was asked before it began is not asked of it', async () => {
    const disk = memoryDisk();
    const finished = await asked(disk, 'finish');
    expect(finished).toMatchObject({ reason: 'done', steps: finished.at });
    expect(finished.steps).toBeLessThan(8);
    const { rows, files } = leftBy(disk);
    expect(rows.filter((row) => 'val/top1' in row).map(({ step }) => step)).toEqual([finished.at]);
    expect(rows.at(-1)!.step).toBe(finished.at);
    expect(Object.keys(files)).toContain('model/onnx/model.onnx');
    expect(await run(disk, true)).toMatchObject({ reason: 'done', steps: finished.at });
    let looks = 0;
    const host = memoryHost({ disk: memoryDisk(), read, wish: async () => (looks++ === 0 ? 'stop' : undefined) });
    expect(await runOn(host, config, inputs, {})).toMatchObject({ reason: 'done', steps: 8 });
  });

  it('refuses a folder that is in use, or whose images changed, and leaves it as it was', async () => {
    const disk = memoryDisk();
    await run(disk);
    const before = leftBy(disk);
    await expect(run(disk)).rejects.toThrow(UserError);
    const other = { ...inputs, data: { ...inputs.data, digests: { train: 'c', val: 'b' } } };
    const host = memoryHost({ disk, read });
    await expect(runOn(host, config, other, { resume: true })).rejects.toThrow('the training images changed');
    disk.locked = true;
    await expect(run(disk, true)).rejects.toThrow('in use');
    expect(leftBy(disk)).toEqual(before);
  });

  it('refuses to go on where this release chooses otherwise what the settings left to it', async () => {
    const disk = memoryDisk();
    await run(disk);
    const text = new TextDecoder().decode(disk.files.get('config.yaml'));
    // As of a release whose least rate was another.
    const older = text.replace(/minLr: auto # [^:]+:/, 'minLr: auto # 0.5:');
    expect(older).not.toBe(text);
    disk.files.set('config.yaml', new TextEncoder().encode(older));
    await expect(run(disk, true)).rejects.toThrow(
      'config.yaml: optim.minLr: when this run began, auto became 0.5, and this release makes it 0.0001. Start a new run',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { grad } from '../src/autodiff/grad.ts';
import { parseConfig } from '../src/config/parse.ts';
import { runSchema } from '../src/config/schema.ts';
import type { Pixels } from '../src/data/augment/pixels.ts';
import { ortNode } from '../src/engine/ortNode.ts';
import { evaluate } from '../src/engine/reference.ts';
import { ndArray } from '../src/graph/ndArray.ts';
import type { Host } from '../src/host/host.ts';
import { type MemoryDisk, memoryDisk } from '../src/host/memory/filesMemory.ts';
import { memoryHost } from '../src/host/memory/hostMemory.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { mul } from '../src/ops/elementwise.ts';
import { slice } from '../src/ops/movement.ts';
import { reduceMean, reduceSum } from '../src/ops/reduce.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import { stream } from '../src/random/stream.ts';
import type { LoadedModel } from '../src/run/models/loaded.ts';
import { teacherFeatures, teacherPixels } from '../src/run/teacher/features.ts';
import type { RunInputs } from '../src/run/training/prepare/assemble.ts';
import { runOn } from '../src/run/training/runOn.ts';
import type { RunEvent, StepEvent } from '../src/train/events.ts';
import { parseMetricRows, withoutTimings } from '../src/train/loggers/metricRow.ts';
import { scheduledAt } from '../src/train/scheduled.ts';

const CLASSES = ['dark', 'light', 'grey'];
const SIDE = 8;

const listOf = (part: string, count: number) => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => i % 3),
});

/** An untrained network whose classes stand in another order than those of the data. */
function teacher(name: 'resnet8_small' | 'regnety_002' | 'vit_pico_patch4', more: object = {}): LoadedModel {
  const shape = {
    resnet8_small: { depths: [1, 1, 1], widths: [4, 6, 8] },
    regnety_002: { depths: [1], widths: [8], stemWidth: 8 },
    vit_pico_patch4: { width: 12, heads: 2, depth: 1 },
  }[name];
  const model = variantConfig(name, { imageSize: SIDE, classes: 3, ...shape, ...more });
  const network = buildModel(model);
  const weights = modelParams(network).map(
    (spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 4).map((x) => 3 * x) }] as const,
  );
  const preprocessing = { imageSize: SIDE, mean: [0.3, 0.4, 0.5], std: [0.3, 0.3, 0.3], evalCropRatio: 1 } as const;
  const where = { path: name, stored: name, notes: [] };
  const classes = ['light', 'grey', 'dark'];
  return { ...where, model, network, weights: new Map(weights), classes, preprocessing } as unknown as LoadedModel;
}

const inputs = (by = teacher('resnet8_small')): RunInputs => ({
  data: {
    ...{ labelled: true, multilabel: false, classes: CLASSES },
    ...{ train: listOf('train', 4), val: listOf('val', 5), splitSource: 'folders', reportOnly: false },
    ...{ facts: { images: 4, classes: 3, shorterSide: SIDE }, notes: [], digests: { train: 'a', val: 'b' } },
  },
  teacher: by,
  init: undefined,
});

const read = async (path: string): Promise<Pixels> => {
  const draw = stream(1, path);
  const light = 60 * (Number(path.split('/')[1]) % 3);
  return {
    width: SIDE,
    height: SIDE,
    data: Uint8Array.from({ length: 3 * SIDE * SIDE }, () => light + draw.below(100)),
  };
};

const configOf = (cskd: object, more: object = {}) =>
  parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      teacher: 'cnn',
      student: { name: 'vit_pico_patch4', imageSize: SIDE, settings: { width: 8, depth: 1, heads: 2 } },
      method: 'cskd',
      methods: { cskd },
      optim: { lr: 0.02, warmupEpochs: 0 },
      train: { epochs: 3, batch: 2, evalBatch: 4, evalEvery: 3, seed: 3 },
      ...more,
    } as never,
    'test',
  );

/** A run in memory on ONNX Runtime. */
const hostOf = (disk: MemoryDisk): Host => ({ ...memoryHost({ disk, read }), engine: ortNode({ threads: 1 }) });

const leftBy = ({ files }: MemoryDisk) => ({
  rows: parseMetricRows(new TextDecoder().decode(files.get('metrics.jsonl'))).map(withoutTimings),
  files: Object.fromEntries([...files].filter(([path]) => !/^(metrics|train\.log|events)/.test(path)).sort()),
});

async function run(config: ReturnType<typeof configOf>, given = inputs()) {
  const [disk, events] = [memoryDisk(), [] as RunEvent[]];
  const result = await runOn(hostOf(disk), config, given, {
    onEvent: (event) => void events.push(event),
  });
  const steps = events.filter((event): event is StepEvent & { time: number } => event.type === 'step');
  return {
    disk,
    events,
    result,
    patches: steps.flatMap(({ terms }) =>
      Object.entries(terms).flatMap(([name, value]) => (/patches/.test(name) ? [value] : [])),
    ),
  };
}

describe('what a teacher says at its places', () => {
  it.each([
    ['resnet8_small', [2, 2]],
    ['regnety_002', [2, 2]],
    ['vit_pico_patch4', [2, 2]],
  ] as const)('%s: has its logits as its mean, in the order of the data’s classes', (name, [h, w]) => {
    const by = teacher(name, name === 'vit_pico_patch4' ? { classToken: false, pool: 'mean' } : {});
    const use = { teacher: by, classes: CLASSES, features: ['logits', 'placeLogits'] as const };
    const pixels = teacherPixels(use, 2);
    const { logits, placeLogits, maps } = teacherFeatures(use, pixels, by.preprocessing);
    const own = teacherFeatures({ ...use, classes: by.classes }, pixels, by.preprocessing);
    expect(placeLogits!.shape).toEqual([2, h, w, 3]);
    const draw = stream('places');
    const image = ndArray(pixels.shape, Float64Array.from({ length: 2 * 3 * SIDE * SIDE }, draw.normal));
    const outputs = [logits, reduceMean(placeLogits!, { axes: [1, 2] }), placeLogits!, own.placeLogits!];
    const [whole, mean, places, unordered] = evaluate(outputs, new Map([['pixels', image]])).map(({ data }) => data);
    whole!.forEach((x, i) => void expect(mean![i]).toBeCloseTo(x, 9));
    // dark, light, grey are the teacher's third, first and second.
    for (let i = 0; i < places!.length; i += 3)
      expect([places![i], places![i + 1], places![i + 2]]).toEqual([
        unordered![i + 2],
        unordered![i],
        unordered![i + 1],
      ]);
    expect(new Set(Array.from(places!, (x) => x.toFixed(6))).size).toBeGreaterThan(6);
    if (!maps) return;
    // The answer of row 0, column 1 depends on that place of the last map alone.
    const place = slice(slice(slice(placeLogits!, 0, 0, 1), 1, 0, 1), 2, 1, 2);
    const [gradient] = grad(reduceSum(mul(place, place)), [Object.values(maps).at(-1)!]);
    const [reach] = evaluate([gradient!], new Map([['pixels', image]])).map(({ data }) => Array.from(data));
    expect(new Set(reach!.flatMap((x, i) => (x === 0 ? [] : [i % (h * w)])))).toEqual(new Set([1]));
  });
});

describe('a run of cskd', () => {
  it('stopped in its second epoch goes on with the same bytes', async () => {
    const config = configOf({ kind: 'soft' });
    const whole = await run(config);
    const [disk, stop] = [memoryDisk(), new AbortController()];
    await runOn(hostOf(disk), config, inputs(), {
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 3 && stop.abort(),
    });
    await runOn(hostOf(disk), config, inputs(), { resume: true });
    expect(leftBy(disk)).toEqual(leftBy(whole.disk));
  });

  it('learns the places alone in its first epoch, and more of the whole image in each that follows', async () => {
    const [fading, local] = [
      await run(configOf({ kind: 'soft' })),
      await run(configOf({ kind: 'soft', fuse: 'none' })),
    ];
    const alike = fading.patches.map((value, step) => value === local.patches[step]);
    expect(alike).toEqual([true, true, false, false, false, false]);
  });

  it('counts the epochs of its stage, in the ledger and with shares too', () => {
    const spec = [{ name: 'method.local', at: (epoch: number, epochs: number) => 1 - epoch / epochs }];
    const at = (step: number) => scheduledAt(spec, { from: 20, to: 60, updatesPerEpoch: 10 }, step)['method.local'];
    expect([20, 29, 30, 45, 59, 60].map(at)).toEqual([1, 1, 0.75, 0.5, 0.25, 0.25]);
  });

  it.each([
    [
      'by a ledger and shares',
      configOf({ kind: 'soft' }, { weights: 'balanced', train: { epochs: 2, batch: 2, evalBatch: 4, ledgerEvery: 3 } }),
    ],
    ['in a sum', configOf({}, { method: 'cskd+dearkd', methods: { dearkd: { beta: 0.1, distToken: true } } })],
    ['with VkD', configOf({}, { method: 'cskd+vkd', methods: { vkd: { allowWide: true } } })],
    ['with lanes', configOf({}, { train: { epochs: 1, batch: 1, accumulate: 2, evalBatch: 4, lanes: 2 } })],
  ])('goes to its end %s', async (_, config) => {
    const { result, patches } = await run(config);
    expect(result.reason).toBe('done');
    expect(patches.length).toBeGreaterThan(1);
    for (const value of patches) expect(value).toBeGreaterThan(0);
  });

  it('tells the answer of its votes apart from the class head’s, and what the student costs', async () => {
    const [three, two] = [await run(configOf({})), await run(configOf({ inference: 'two' }))];
    for (const { result } of [three, two])
      expect(Object.keys(result.last)).toEqual(expect.arrayContaining(['val/top1', 'val/class_head_top1']));
    const [a, b] = [three.result.student!, two.result.student!];
    expect(a.parameters).toBe(b.parameters);
    expect(a.macs).toBeGreaterThan(b.macs);
    const notes = three.events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    const told = /^the method changes the student, for good: without it [\d.]+ k parameters, [\d.]+ k multiply/;
    expect(notes.filter((note) => told.test(note))).toHaveLength(1);
    const card = new TextDecoder().decode(three.disk.files.get('model/README.md'));
    expect(card).toContain('(all heads averaged; the class head alone ');
    const config = JSON.parse(new TextDecoder().decode(three.disk.files.get('model/config.json')));
    expect(config.understudy.model).toMatchObject({ distToken: true, patchVote: true });
    expect(config.architectures).toBeUndefined();
  });

  it('refuses a finer teacher before anything is written', async () => {
    const [disk, given] = [memoryDisk(), inputs(teacher('resnet8_small', { depths: [1], widths: [8] }))];
    await expect(runOn(hostOf(disk), configOf({}), given, {})).rejects.toThrow(/8 x 8 places.*2 x 2 patches/);
    expect([...disk.files.keys()]).toEqual([]);
  });
});

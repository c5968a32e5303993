import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ortNode.ts';
import { renameFromOurs, renameToOurs } from '../../src/formats/names/rename.ts';
import { resizePositions } from '../../src/formats/resizePositions.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
  toFloat32,
} from '../../src/formats/tensors/safetensors.ts';
import { input } from '../../src/graph/build.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import { answer } from '../../src/models/vit.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram } from '../../src/program/program.ts';
import { exportModel } from '../../src/run/exporting/exportModel.ts';
import { loadModelReference } from '../../src/run/models/reference.ts';
import type { LoadedModel } from '../../src/run/models/loaded.ts';
import { expectClose, readGolden } from './golden.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-weights-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Tensors = Map<string, SafetensorsTensor>;

/** The state dict of a golden case as it came from PyTorch, with the config.json that belongs to it. */
function stateOf(name: string): { state: Tensors; config: object | null; preprocessor: object | null } {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL(`../golden/weights/${name}.safetensors`, import.meta.url)),
  );
  const state = [...tensors].filter(([key]) => key.startsWith('state.'));
  const { config, preprocessor } = JSON.parse(metadata.config!) as {
    config: object | null;
    preprocessor: object | null;
  };
  return { state: new Map(state.map(([key, tensor]) => [key.slice('state.'.length), tensor])), config, preprocessor };
}

let folders = 0;
/** A folder as one downloads it: weights in one file or in shards with their index. */
function folderWith(
  state: Tensors,
  { config, preprocessor }: { config?: object | null; preprocessor?: object | null },
  shards = 1,
): string {
  const dir = mkdtempSync(join(root, `${folders++}-`));
  if (config) writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  if (preprocessor) writeFileSync(join(dir, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  if (shards === 1) {
    writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(state, { format: 'pt' }));
    return dir;
  }
  const map: Record<string, string> = {};
  for (let at = 0; at < shards; at++) {
    const file = `model-0000${at + 1}-of-0000${shards}.safetensors`;
    const part = [...state].filter((_, i) => i % shards === at);
    for (const [name] of part) map[name] = file;
    writeFileSync(join(dir, file), encodeSafetensors(part));
  }
  writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  return dir;
}

/** Logits (or pooled features, without a classifier) of a loaded model in float32 on ONNX Runtime. */
async function answerOf(model: LoadedModel, pixels: readonly number[], data: Float32Array): Promise<Float32Array> {
  const engine = ortNode({ threads: 1 });
  const features = buildFrozen(model.network, input('pixel_values', pixels), model.weights);
  const program = closeProgram({ out: answer(features) });
  const compiled = await engine.compile(program);
  const out = engine.empty('float32', program.outputs.get('out')!.shape);
  await compiled.run({ pixel_values: engine.tensor('float32', pixels, data) }, { out });
  const values = (await out.read()) as Float32Array;
  await compiled.dispose();
  return values;
}

async function expectPyTorch(name: string, model: LoadedModel, tolerance = 1e-4): Promise<void> {
  const golden = readGolden(`weights/${name}`);
  const pixels = golden.get('input.pixels');
  expect(model.model.imageSize).toBe(pixels.shape[2]);
  const got = await answerOf(model, pixels.shape, Float32Array.from(pixels.data));
  const [wanted] = [...golden.group('output.').values()];
  let worst = 0;
  for (let i = 0; i < wanted!.data.length; i++) worst = Math.max(worst, Math.abs(got[i]! - wanted!.data[i]!));
  expect(got.length).toBe(wanted!.data.length);
  expect(worst).toBeLessThan(tolerance);
}

const CASES = [
  'hfVit',
  'hfVitBody',
  'hfDeitTwoHeads',
  'hfDeitOneHead',
  'hfResnetBottleneck',
  'hfResnetBasic',
  'hfRegnet',
  'tvRegnet',
  'tvVit',
  'timmVit',
  'timmMeanPool',
  'timmDistilled',
  'timmDeit3',
  'timmDino',
];

/** The side of the golden's images where no file says it: a CNN without config. */
const SIDES: Readonly<Record<string, number>> = { tvRegnet: 64 };

describe.each(CASES)('a state dict of %s', (name) => {
  const { state, config, preprocessor } = stateOf(name);
  const hints = SIDES[name] === undefined ? {} : { hints: { imageSize: SIDES[name] } };

  it('gives the logits of PyTorch, in one file and in shards', async () => {
    const files = config && preprocessor ? { config, preprocessor } : config ? withSize(name, config) : {};
    await expectPyTorch(name, await loadModelReference(folderWith(state, files), hints));
    await expectPyTorch(name, await loadModelReference(folderWith(state, files, 3), hints));
  });

  it('has names that go to ours and back', () => {
    const names = [...state.keys()];
    const { convention, places } = renameToOurs(names, 'test');
    for (const [theirs, { ours, part, parts }] of places) {
      const back = renameFromOurs(convention, ours);
      expect(back).toHaveLength(parts);
      const bare = theirs.startsWith(convention.base) || !back[part]!.startsWith(convention.base);
      expect(back[part]).toBe(bare ? theirs : convention.base + theirs);
    }
  });

  it('survives prefixes of wrappers', async () => {
    const wrapped = new Map([...state].map(([key, tensor]) => [`module.model.${key}`, tensor]));
    const files = config && preprocessor ? { config, preprocessor } : config ? withSize(name, config) : {};
    await expectPyTorch(name, await loadModelReference(folderWith(wrapped, files), hints));
  });
});

/** A ResNet's or RegNet's image side comes from the preprocessor alone; these cases have none. */
function withSize(name: string, config: object): { config: object; preprocessor?: object } {
  return name === 'hfRegnet' ? { config, preprocessor: { size: { shortest_edge: 64 } } } : { config };
}

describe('what the files say', () => {
  it('transformers: labels, heads, epsilon, preprocessing and what is done otherwise', async () => {
    const { classes, model, preprocessing, notes } = await loadModelReference(folderWith(...filesOf('hfVit')));
    expect(classes).toEqual(['ant', 'bee', 'cat', 'dog', 'eel']);
    expect(model).toMatchObject({ family: 'vit', heads: 3, normEpsilon: 1e-12, patchSize: 4, imageSize: 16 });
    const half = [0.5, 0.5, 0.5];
    const geometry = { resize: { to: 'exactly', width: 16, height: 16 }, centre: 'floor' };
    expect(preprocessing).toEqual({
      ...{ imageSize: 16, mean: half, std: half, evalCropRatio: 1 },
      ...{ geometry, filter: 'bilinear' },
    });
    expect(notes).toEqual([]);
  });

  it('transformers: an export prepares images as the model that it was made of', async () => {
    const loaded = await loadModelReference(folderWith(...filesOf('hfVit')));
    const out = join(root, 'exported');
    await exportModel(loaded, { out });
    const file = JSON.parse(readFileSync(join(out, 'preprocessor_config.json'), 'utf8')) as object;
    expect(file).toMatchObject({
      ...{ image_processor_type: 'ViTImageProcessor', size: { height: 16, width: 16 }, resample: 2 },
      ...{ do_resize: true, do_center_crop: false, rescale_factor: 1 / 255, image_mean: [0.5, 0.5, 0.5] },
    });
    expect((await loadModelReference(out)).preprocessing).toEqual(loaded.preprocessing);
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain(
      'Images: RGB, resized to 16 x 16 px whatever its shape (bilinear), then',
    );
    const border = {
      ...loaded.preprocessing,
      geometry: { resize: { to: 'longer', side: 16 }, centre: 'even' },
    } as const;
    await expect(exportModel({ ...loaded, preprocessing: border }, { out: join(root, 'no') })).rejects.toThrow(
      'border',
    );
    expect(existsSync(join(root, 'no'))).toBe(false);
  });

  it('timm: pretrained_cfg, pooling and heads', async () => {
    const { model, preprocessing, classes } = await loadModelReference(folderWith(...filesOf('timmMeanPool')));
    expect(model).toMatchObject({ pool: 'mean', poolNorm: true, classToken: false, normEpsilon: 1e-6 });
    expect(preprocessing).toEqual({ imageSize: 16, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], evalCropRatio: 0.9 });
    expect(classes[4]).toBe('LABEL_4');
  });

  it.each(['hfVit', 'hfResnetBasic', 'hfRegnet'])('channels turned round, %s: its first layer is', async (name) => {
    const [state, { config, preprocessor }] = filesOf(name);
    const said = { size: { height: SIDES[name] ?? 16, width: SIDES[name] ?? 16 }, ...preprocessor };
    const plain = await loadModelReference(folderWith(state, { config, preprocessor: said }));
    const turned = { ...said, do_flip_channel_order: true };
    const flipped = await loadModelReference(folderWith(state, { config, preprocessor: turned }));
    const side = plain.model.imageSize;
    const pixels = Float32Array.from({ length: 3 * side * side }, (_, i) => Math.sin(i * i));
    const planes = [2, 1, 0].map((c) => pixels.subarray(c * side * side, (c + 1) * side * side));
    const bgr = Float32Array.from(planes.flatMap((plane) => [...plane]));
    const answer = (model: LoadedModel, data: Float32Array) => answerOf(model, [1, 3, side, side], data);
    const [wanted, found] = [await answer(plain, bgr), await answer(flipped, pixels)];
    for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 5);
    expect([...(await answer(plain, pixels))]).not.toEqual([...wanted]);
  });

  it('a crop of ConvNextImageProcessor', async () => {
    const { preprocessing, model } = await loadModelReference(folderWith(...filesOf('hfResnetBottleneck')));
    const geometry = { resize: { to: 'shorter', side: 73 }, centre: 'floor' };
    expect(preprocessing).toMatchObject({ imageSize: 64, geometry, mean: [0.485, 0.456, 0.406] });
    expect(model).toMatchObject({ block: 'bottleneck', depths: [1, 2, 1], widths: [4, 4, 8] });
  });

  it("the classifier of the file wins over the config's number of classes", async () => {
    const { state, config } = stateOf('timmVit');
    const head = Float32Array.from({ length: 7 * 12 }, (_, i) => Math.sin(i));
    state.set('head.weight', { dtype: 'F32', shape: [7, 12], data: head });
    state.set('head.bias', { dtype: 'F32', shape: [7], data: head.slice(0, 7) });
    const loaded = await loadModelReference(folderWith(state, { config: { ...config, label_names: ['a', 'b'] } }));
    expect(loaded.network.classes).toBe(7);
    expect(loaded.classes).toHaveLength(7);
    expect(loaded.notes.join('\n')).toContain('names 2 classes, the classifier has 7');
  });

  it('gives two classes of one name different ones', async () => {
    const { state, config } = stateOf('hfVit');
    const id2label = { 0: 'ant', 1: 'crane', 2: 'cat', 3: 'crane', 4: 'crane' };
    const { classes } = await loadModelReference(folderWith(state, { config: { ...config, id2label } }));
    expect(classes).toEqual(['ant', 'crane', 'cat', 'crane (3)', 'crane (4)']);
  });

  it('half precision becomes float32', async () => {
    const { state, config } = stateOf('timmVit');
    const half = new Map([...state].map(([name, tensor]) => [name, name.includes('norm') ? bfloat16(tensor) : tensor]));
    const loaded = await loadModelReference(folderWith(half, { config }));
    expect(loaded.weights.get('blocks.0.norm1.weight')!.data).toBeInstanceOf(Float32Array);
    await expectPyTorch('timmVit', loaded, 0.1);
    await expect(expectPyTorch('timmVit', loaded, 1e-4)).rejects.toThrow();
  });

  it('positions are resized to the side that is asked for', async () => {
    const { state, config } = stateOf('timmVit');
    const loaded = await loadModelReference(folderWith(state, { config }), { hints: { imageSize: 28 } });
    expect(loaded.model.imageSize).toBe(28);
    expect(loaded.weights.get('pos_embed')!.shape).toEqual([1, 50, 12]);
    expect(loaded.notes).toContain('position embeddings resized from 4 x 4 to 7 x 7 patches');
  });
});

function filesOf(name: string): [Tensors, { config: object | null; preprocessor: object | null }] {
  const { state, ...files } = stateOf(name);
  return [state, files];
}

/** Truncation is one way of rounding; only the format matters here. */
function bfloat16(tensor: SafetensorsTensor): SafetensorsTensor {
  const words = new Uint32Array(Float32Array.from(toFloat32(tensor)).buffer);
  return { dtype: 'BF16', shape: tensor.shape, data: Uint16Array.from(words, (word) => word >>> 16) };
}

describe("positions resized as PyTorch's antialiased bicubic does", () => {
  const golden = readGolden('weights/positions');
  it.each(Object.entries(golden.config.cases as Record<string, [number, number, number]>))(
    '%s',
    (key, [prefix, from, to]) => {
      const given = golden.get(`input.${key}`);
      const wanted = golden.get(`output.${key}`);
      expect(sizeOf(given.shape)).toBe((prefix + from * from) * 3);
      const got = resizePositions(Float32Array.from(given.data), { prefix, from, to, width: 3 });
      expectClose(key, got, wanted, 1e-6);
    },
  );
});

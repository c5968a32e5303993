import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { ortNode } from '../../src/engine/ortNode.ts';
import { preprocessingOf } from '../../src/formats/preprocessing/foreignPreprocessor.ts';
import { closeProgram } from '../../src/program/program.ts';
import { input } from '../../src/graph/build.ts';
import { emit } from '../../src/onnx/emit.ts';
import { reduceMean } from '../../src/ops/reduce.ts';
import { loadModel } from '../../src/run/evaluation/predict.ts';
import { loadModelReference } from '../../src/run/models/reference.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-keys-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const here = (name: string) => fileURLToPath(new URL(`preprocessorKeys/${name}`, import.meta.url));

it('do_rescale false: a network that takes bytes is given bytes', async () => {
  // Read-only where the project lies is no matter: the folder is copied.
  cpSync(here('do_rescale-false'), join(root, 'bytes'), { recursive: true });
  const model = await loadModel(join(root, 'bytes/model.onnx'), { engine: ortNode({ threads: 1 }) });
  const names = ['cat', 'dog', 'owl'];
  const answers = await model.predict(names.map((name) => here(`${name}.png`)));
  await model.dispose();
  expect(answers.map(([best]) => best!.class)).toEqual(names);
  const shares = answers.map(([best]) => best!.probability);
  for (const [i, share] of [1, 1, 0.992].entries()) expect(shares[i]).toBeCloseTo(share, 3);
});

/** A network whose logits are the means of its three planes, so that answers are pixels. */
const SIDE = 8;
const image = input('pixel_values', [1, 3, SIDE, SIDE]);
const network = emit(closeProgram({ logits: reduceMean(image, { axes: [2, 3] }) }));
let folders = 0;

function folderWith(preprocessor: object, config: object = {}): string {
  const dir = join(root, String(folders++));
  mkdirSync(dir);
  writeFileSync(join(dir, 'model.onnx'), network);
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ id2label: { 0: 'a', 1: 'b', 2: 'c' }, ...config }));
  writeFileSync(join(dir, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  return join(dir, 'model.onnx');
}

/** Differences of the logits of a picture of one colour, which the probabilities say. */
async function logitsOf(path: string, colour: readonly number[], width = SIDE, height = SIDE): Promise<number[]> {
  const model = await loadModel(path, { engine: ortNode({ threads: 1 }) });
  const data = Uint8Array.from({ length: 3 * width * height }, (_, at) => colour[at % 3]!);
  const answer = await model.predict({ data, width, height });
  await model.dispose();
  const share = (name: string) => Math.log(answer.find((one) => one.class === name)!.probability);
  return [share('b') - share('a'), share('c') - share('a')];
}

const square = { height: SIDE, width: SIDE };
const plain = { size: square, resample: 2, do_normalize: false };

describe('values', () => {
  it.each([
    ['as they are', { ...plain, image_processor_type: 'ViTImageProcessor' }, [10 / 255, 30 / 255]],
    ['without rescaling', { ...plain, do_rescale: false }, [10, 30]],
    ['with a factor of their own', { ...plain, rescale_factor: 0.01 }, [0.1, 0.3]],
    ['turned round', { ...plain, do_flip_channel_order: true }, [-20 / 255, -30 / 255]],
    [
      'normalised before they are turned round',
      { size: square, image_mean: [0, 0, 0.1], image_std: [1, 4, 1], do_flip_channel_order: true },
      [5 / 255 - (40 / 255 - 0.1), 10 / 255 - (40 / 255 - 0.1)],
    ],
    [
      'without rescaling, normalised in bytes',
      { size: square, do_rescale: false, image_mean: [10, 10, 10], image_std: 2 },
      [5, 15],
    ],
    [
      'with an offset, and divided once more',
      {
        ...{ image_processor_type: 'EfficientNetImageProcessor', size: square, rescale_factor: 1 / 127.5 },
        ...{ rescale_offset: true, image_mean: [0, 0, 0], image_std: [0.5, 0.5, 0.5] },
      },
      [10 / 127.5 / 0.25, 30 / 127.5 / 0.25],
    ],
    [
      'of MobileViT, which turns them and never normalises',
      {
        image_processor_type: 'MobileViTImageProcessor',
        size: { shortest_edge: 8 },
        crop_size: square,
        image_mean: [9, 9, 9],
        image_std: [1, 2, 3],
      },
      [-20 / 255, -30 / 255],
    ],
  ] as const)('%s', async (_, preprocessor, wanted) => {
    const found = await logitsOf(folderWith(preprocessor), [10, 20, 40]);
    for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 4);
  });
});

it('a smaller picture that is cut without a resize lies on black', async () => {
  const path = folderWith({ ...plain, do_resize: false, do_rescale: false, do_center_crop: true, crop_size: square });
  const [green, blue] = await logitsOf(path, [10, 20, 40], 4, 8);
  expect([green, blue].map((x) => Math.round(100 * x!) / 100)).toEqual([5, 15]);
});

describe('keys', () => {
  const read = (preprocessor: object, config?: object) => loadModelReference(folderWith(preprocessor, config));

  it.each([
    [
      { ...plain, do_pad: true, pad_size: { height: 16, width: 16 } },
      /preprocessor_config\.json: do_pad: wanted .*\(without do_pad\)/,
    ],
    [{ ...plain, size_divisor: 32 }, /size_divisor: .* got 32.* set size_divisor to null/s],
    [{ ...plain, do_thumbnail: true }, /do_thumbnail: .* set do_thumbnail to false/],
    [{ ...plain, data_format: 'channels_last' }, /data_format: .* got "channels_last"/],
    [
      { ...plain, image_processor_type: 'PerceiverImageProcessorFast' },
      /got PerceiverImageProcessor, which cuts before/,
    ],
    [{ ...plain, resample: 7 }, /resample: wanted a filter of Pillow's: 0 \(nearest\).* got 7/],
    [{ ...plain, rescale_factor: 0 }, /rescale_factor: wanted a number above 0/],
    [{ ...plain, size: { longest_edge: 8 } }, /size: wanted .* got \{"longest_edge":8\}/],
    [{ ...plain, size: { height: 8, width: 9 } }, /size: wanted a square/],
    [{ ...plain, size: 1e9 }, /size: wanted a side in pixels.* got 1000000000/],
    [{ size: square, image_mean: [0, 0, 0], image_std: [1, 0, 1] }, /image_std: wanted three numbers above 0/],
    [{ size: square, image_mean: [1e30, 0, 0], image_std: 1 }, /image_mean: wanted three numbers from -1000000 to/],
    [{ size: square, image_mean: 0, image_std: 1e-30 }, /image_std: wanted three numbers above 0/],
    [{ ...plain, rescale_factor: 1e30 }, /rescale_factor: wanted a number/],
    [{ size: square, crop_pct: 0, image_processor_type: 'PoolFormerImageProcessor' }, /crop_pct: wanted a number/],
    [{ crop_size: [8], resize_size: [9], interpolation: 'area' }, /interpolation: wanted a filter/],
  ])('%j is refused by name', async (preprocessor, message) => {
    await expect(read(preprocessor)).rejects.toThrow(message);
  });

  it('that change nothing are taken without a word, unknown ones with one', async () => {
    const harmless = { do_convert_rgb: true, do_reduce_labels: false, do_pad: true, data_format: 'channels_first' };
    const silent = await read({ ...plain, ...harmless, pad_size: null, size_divisor: null, some_new_key: false });
    expect(silent.notes.filter((note) => !note.startsWith('exported for batches'))).toEqual([]);
    const { notes } = await read({ ...plain, solarise: 0.5, twist: [1] });
    expect(notes.join('\n')).toMatch(/nothing is known of solarise, twist; if pixels depend on them/);
    const other = await read({ ...plain, image_processor_type: 'NewImageProcessor' });
    expect(other.notes.join('\n')).toContain('nothing is known of the image processor NewImageProcessor');
    const fast = await read({ ...plain, image_processor_type: 'ViTImageProcessorFast' });
    expect(fast.notes.join('\n')).toContain('ViTImageProcessorFast resizes tensors');
  });

  it('that are missing are the processor’s own, by its name or by model_type', async () => {
    const { preprocessing } = await read({ image_processor_type: 'ViTFeatureExtractor', size: SIDE });
    expect(preprocessing).toMatchObject({
      ...{ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], filter: 'bilinear' },
      geometry: { resize: { to: 'exactly', width: SIDE, height: SIDE } },
    });
    const levit = await read({ size: { shortest_edge: 8 }, crop_size: SIDE }, { model_type: 'levit' });
    expect(levit.preprocessing.geometry!.resize).toEqual({ to: 'shorter', side: 9 });
    expect(levit.preprocessing.filter).toBeUndefined();
  });

  it('of torchvision and of timm are read too', async () => {
    const vision = await read({ crop_size: [8], resize_size: [9], interpolation: 'InterpolationMode.BILINEAR' });
    expect(vision.preprocessing).toMatchObject({ filter: 'bilinear', mean: [0.485, 0.456, 0.406] });
    expect(vision.preprocessing.geometry!.resize).toEqual({ to: 'shorter', side: 9 });
    const more = await read({ crop_size: 8, resize_size: 9, gamma: 2 });
    expect(more.notes.join('\n')).toContain('nothing is known of gamma;');
    const guessed = preprocessingOf(undefined, { crop_mode: 'squash', crop_pct: 1 }, 'card');
    expect(guessed.geometry!.resize).toEqual({ to: 'exactly', width: 224, height: 224 });
    await expect(read({ ...plain, size: { height: 9, width: 9 } })).rejects.toThrow(
      /wanted images of 8 px, .* got 9 from a setting or from the preprocessor_config\.json/,
    );
    const cfg = { input_size: [3, SIDE, SIDE], crop_pct: 0.8, crop_mode: 'squash' };
    const wrapped = await read({ image_processor_type: 'TimmWrapperImageProcessor', pretrained_cfg: cfg });
    expect(wrapped.preprocessing.geometry!.resize).toEqual({ to: 'exactly', width: 10, height: 10 });
    const path = folderWith({}, { pretrained_cfg: cfg });
    rmSync(join(path, '../preprocessor_config.json'));
    expect((await loadModelReference(path)).preprocessing).toEqual(wrapped.preprocessing);
    await expect(read({ pretrained_cfg: { ...cfg, crop_mode: 'stretch' } })).rejects.toThrow(
      /crop_mode: wanted center/,
    );
  });

  it('a file that resizes nothing wants pictures of the size, and names the one that is not', async () => {
    const path = folderWith({ ...plain, do_resize: false });
    const wide = join(root, 'wide.png');
    await sharp({ create: { width: 9, height: 8, channels: 3, background: 'red' } }).toFile(wide);
    const model = await loadModel(path, { engine: ortNode({ threads: 1 }) });
    await expect(model.predict(wide)).rejects.toThrow(/wide\.png: wanted an image of 8 x 8 px, got 9 x 8/);
    await model.dispose();
  });
});

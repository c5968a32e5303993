import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { variantConfig } from '../models/index.ts';
import { readModelFolder, writeModelFolder } from './modelFolderNode.ts';
import { preprocessorFile } from './preprocessing/preprocessorFile.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-model-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, 'config.json');
let written: Record<string, unknown>;

beforeAll(async () => {
  const model = variantConfig('resnet8_small', { classes: 3 });
  const preprocessing = { imageSize: 32, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
  const weights = new Map([['w', { shape: [1], data: Float32Array.of(1) }]]);
  await writeModelFolder(dir, { model, classes: ['a', 'b', 'c'], preprocessing, weights });
  written = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
});

const withLabels = (id2label: unknown) => {
  writeFileSync(path, JSON.stringify({ ...written, id2label }));
  return readModelFolder(dir);
};

it('names come in the order of the logits, however the file orders them', async () => {
  expect((await withLabels({ 2: 'z', 0: 'x', 1: 'y' })).classes).toEqual(['x', 'y', 'z']);
});

it.each([
  [{ 0: 'a', 1: 'b' }, 'wanted a name for each of the 3 classes ("0" to "2"), got nothing for "2"'],
  [{ 0: 'a', 1: 'b', 2: 7 }, 'got 7 for "2"'],
  [{ 0: 'a', 1: 'b', 2: 'c', 3: 'd' }, 'got "3" besides'],
  [undefined, 'got nothing for "0"'],
  [['a', 'b'], 'got nothing for "2"'],
])('id2label %j is refused', async (labels, message) => {
  await expect(withLabels(labels)).rejects.toThrow(`${path}: id2label`);
  await expect(withLabels(labels)).rejects.toThrow(message);
});

it('reads what older versions wrote for images as it did, and writes the usual crop as transformers has it', async () => {
  const file = join(dir, 'preprocessor_config.json');
  const now = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const read = async (changed: object) => {
    writeFileSync(file, JSON.stringify({ ...now, ...changed }));
    return (await withLabels({ 0: 'a', 1: 'b', 2: 'c' })).preprocessing;
  };
  // Ratio .9 of 32 px: older versions rounded to 36, floor(35.6) is 35. Their centre is torchvision's.
  const crop = { crop_size: { height: 32, width: 32 }, do_center_crop: true, understudy: undefined };
  const older = { ...crop, size: { shortest_edge: 36 }, crop_pct: 0.9 };
  expect((await read(older)).geometry).toEqual({ resize: { to: 'shorter', side: 36 }, centre: 'even' });
  expect(await read({ ...older, size: { shortest_edge: 35 } })).toMatchObject({ evalCropRatio: 0.9 });
  expect((await read({ ...older, size: { shortest_edge: 35 } })).geometry).toBeUndefined();
  const usual = { imageSize: 32, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 0.9 } as const;
  const written = preprocessorFile(usual);
  expect(written).toMatchObject({
    ...{ image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 35 }, crop_pct: 0.9 },
    understudy: { centre: 'even' },
  });
  expect(await read(written)).toEqual(usual);
  await expect(read({ do_flip_channel_order: true })).rejects.toThrow(/do_flip_channel_order: wanted false/);
  await expect(read({ image_std: [1, 0, 1] })).rejects.toThrow(/image_std: wanted three numbers above 0/);
  await expect(read({ do_resize: 'no' })).rejects.toThrow(/do_resize: wanted true, false or null, got "no"/);
});

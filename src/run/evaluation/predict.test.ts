import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ortNode } from '../../engine/ortNode.ts';
import { UserError } from '../../graph/errors.ts';
import { writeModelFolder } from '../../formats/modelFolderNode.ts';
import { buildModel, variantConfig } from '../../models/index.ts';
import { initialValue } from '../../nn/initialise.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { stream } from '../../random/stream.ts';
import { loadModel } from './predict.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-predict-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const open = () => loadModel(join(dir, 'model'), { engine: ortNode({ threads: 1 }) });
const image = (n: number) => join(dir, `${n}.png`);

beforeAll(async () => {
  const config = variantConfig('vit_pico_patch4', { imageSize: 28, width: 16, depth: 1, heads: 1, classes: 3 });
  const weights = modelParams(buildModel(config)).map(
    // Larger than at the start of a training, so that images have different answers.
    (spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 1).map((w) => 4 * w) }] as const,
  );
  const preprocessing = { imageSize: 28, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
  await writeModelFolder(join(dir, 'model'), {
    model: config,
    classes: ['a', 'b', 'c'],
    preprocessing,
    weights: new Map(weights),
  });
  for (const n of [0, 1]) {
    const random = stream('predict', n);
    const data = Uint8Array.from({ length: 28 * 28 * 3 }, () => random.below(256));
    await sharp(data, { raw: { width: 28, height: 28, channels: 3 } })
      .png()
      .toFile(image(n));
  }
});

it('takes a path, the bytes of a file, a view of them, and pixels', async () => {
  const model = await open();
  const wanted = await model.predict(image(0));
  const bytes = readFileSync(image(0));
  const padded = new Uint8Array(bytes.length + 7);
  padded.set(bytes, 5);
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect(await model.predict(bytes)).toEqual(wanted);
  expect(await model.predict(padded.subarray(5, 5 + bytes.length))).toEqual(wanted);
  expect(await model.predict({ data, width: info.width, height: info.height })).toEqual(wanted);
  expect(await model.predict(image(1))).not.toEqual(wanted);
  await expect(model.predict(new Uint8Array([1, 2, 3]))).rejects.toThrow(
    /Cannot read image of 3 bytes: .*no known image format/,
  );
  await expect(model.predict({ data, width: 5, height: 5 })).rejects.toThrow(UserError);
  await model.dispose();
});

it('answers that are asked for at once do not mix', async () => {
  const model = await open();
  const [first, second] = [await model.predict(image(0)), await model.predict(image(1))];
  const at = [0, 1, 1, 0, 1];
  const both = await Promise.all(at.map((n) => model.predict(image(n))));
  expect(both).toEqual(at.map((n) => [first, second][n]));
  await model.dispose();
});

it('after dispose, predict is refused in words, and a second dispose does nothing', async () => {
  const model = await open();
  const asked = model.predict(image(0));
  await Promise.all([model.dispose(), model.dispose()]);
  await model.dispose();
  expect(await asked).toHaveLength(3);
  await expect(model.predict(image(0))).rejects.toThrow('got one after dispose(); load it again');
});

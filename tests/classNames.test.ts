import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { distinctNames } from '../src/formats/config/classNames.ts';
import { encodeSafetensors, float32Tensor } from '../src/formats/tensors/safetensors.ts';
import { writeModelFolder } from '../src/formats/modelFolderNode.ts';
import type { SavedModel } from '../src/formats/savedModel.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import { onnxFile } from '../src/run/exporting/files.ts';
import { modelCard } from '../src/run/exporting/modelCard.ts';
import { loadModelReference } from '../src/run/models/reference.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-names-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** As ImageNet has it: "crane" the bird and "crane" the machine. */
const CRANES = ['tabby, tabby cat', 'crane', 'crane'];
const TOLD = ['tabby, tabby cat', 'crane', 'crane (2)'];

const config = variantConfig('resnet8_small', { imageSize: 8, depths: [1], widths: [4], classes: 3 });
const weights = new Map(
  modelParams(buildModel(config)).map((spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 1) }]),
);
const preprocessing = { imageSize: 8, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
const saved = (classes: readonly string[]): SavedModel => ({ model: config, classes, preprocessing, weights });
const id2label = Object.fromEntries(CRANES.map((name, i) => [i, name]));
const normalised = { image_mean: [0, 0, 0], image_std: [1, 1, 1], size: 8 };

async function load(reference: string, described?: object) {
  const notes: string[] = [];
  const model = await loadModelReference(reference, {
    described: described as never,
    onModel: (event) => event.type === 'note' && notes.push(event.message),
  });
  return { classes: model.classes, notes: notes.join('\n') };
}

describe('a name that stands twice', () => {
  it('has its number wherever it comes from: weights, an ONNX file, a folder of ours, a list', async () => {
    const [foreign, onnx, own] = ['foreign', 'onnx', 'own'].map((name) => join(dir, name));
    mkdirSync(foreign!);
    mkdirSync(onnx!);
    const tensors = [...weights].map(([name, { shape, data }]) => [name, float32Tensor(shape, data)] as const);
    writeFileSync(join(foreign!, 'model.safetensors'), encodeSafetensors(tensors));
    writeFileSync(join(onnx!, 'm.onnx'), onnxFile(saved(TOLD)));
    await writeModelFolder(own!, saved(TOLD));
    for (const folder of [foreign, onnx]) {
      writeFileSync(join(folder!, 'config.json'), JSON.stringify({ id2label }));
      writeFileSync(join(folder!, 'preprocessor_config.json'), JSON.stringify(normalised));
    }
    writeFileSync(join(own!, 'config.json'), JSON.stringify({ id2label, understudy: { model: config } }));
    for (const reference of [foreign!, join(onnx!, 'm.onnx'), own!]) {
      const { classes, notes } = await load(reference);
      expect(classes).toEqual(TOLD);
      expect(notes).toContain('class names that stand twice have their number now: crane (2)');
    }
    for (const reference of [foreign!, join(onnx!, 'm.onnx')])
      expect((await load(reference, { classes: CRANES })).classes).toEqual(TOLD);
  });

  it('has one that no other name is', () => {
    expect(distinctNames(['a', 'a (2)', 'a', 'a'], [])).toEqual(['a', 'a (2)', 'a (2)*', 'a (3)']);
  });
});

it('a model card shows names as they are, whatever they are', () => {
  const hostile = [
    'tabby, tabby cat',
    '<img src=x onerror=alert(1)>',
    'a\n\n# heading',
    '`code` ``two``',
    '[link](http://x)',
    '\u001b[2J',
    ' ',
  ];
  const card = modelCard(saved(hostile), ['fp32'], []);
  const line = card.split('\n').find((text) => text.startsWith('Trained with Understudy'))!;
  expect(line).toBe(
    'Trained with Understudy. 7 classes: `tabby, tabby cat`, `<img src=x onerror=alert(1)>`, `a\\u000a\\u000a# heading`, ``` `code` ``two`` ```, `[link](http://x)`, `\\u001b[2J`, `   `.',
  );
});

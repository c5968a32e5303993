import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ortNode } from '../src/engine/ortNode.ts';
import { decodeSafetensors, encodeSafetensors } from '../src/formats/tensors/safetensors.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import { writeExport } from '../src/run/exporting/exportModel.ts';
import { type ClassProbability, openImageModel } from '../src/run/evaluation/imageModel.ts';
import type { Described } from '../src/run/models/described.ts';
import { type FilesByName, GivenFiles } from '../src/run/models/givenFiles.ts';
import { loadGiven, loadGivenInit, trainableGiven } from '../src/run/models/givenModel.ts';
import type { LoadedModel } from '../src/run/models/loaded.ts';
import { loadOnnxStudentPath } from '../src/run/models/onnxReferenceNode.ts';
import { loadModelReference } from '../src/run/models/reference.ts';
import { node, numbers, onnxBytes, type TensorInit } from './parity/onnxBuilder.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-given-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (...path: string[]) => join(dir, ...path);
const engine = ortNode({ threads: 1 });

/** The files of a folder as a page has them: some as bytes, some as Blobs, all below the folder's own name. */
function picked(folder: string, below = 'picked/'): FilesByName {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const given = paths.map((path, i) => {
    const bytes = Uint8Array.from(readFileSync(path));
    return [`${below}${relative(folder, path)}`, i % 2 === 0 ? bytes : new Blob([bytes])] as const;
  });
  return Object.fromEntries(given);
}

const loaded = (folder: string, described: Described = {}) =>
  loadGiven(new GivenFiles(folder, picked(folder)), { engine, described });

/** All of a model but its functions. */
const contentOf = ({ network, ...model }: LoadedModel) => ({ ...model, embedDim: network.classes });

const golden = (path: string) => readFileSync(new URL(`golden/${path}`, import.meta.url));

beforeAll(async () => {
  const model = variantConfig('resnet8_small', { imageSize: 16, depths: [1], widths: [4], classes: 3 });
  const weights = modelParams(buildModel(model)).map(
    (spec, i) =>
      [
        spec.name,
        { shape: spec.shape, data: initialValue(spec, 3).map((x, n) => 2 * x + 0.001 * n + 0.01 * i) },
      ] as const,
  );
  const preprocessing = { imageSize: 16, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], evalCropRatio: 1 } as const;
  const classes = ['blue', 'green', 'red'];
  await writeExport(at('own'), { model, classes, preprocessing, weights: new Map(weights) });
  cpSync(at('own'), at('web'), { recursive: true });
  rmSync(at('web/model.safetensors'));
  cpSync(at('web'), at('flat'), { recursive: true });
  renameSync(at('flat/onnx/model.onnx'), at('flat/network.onnx'));
  rmSync(at('flat/onnx'), { recursive: true });

  const { tensors, metadata } = decodeSafetensors(golden('weights/hfDeitTwoHeads.safetensors'));
  const state = [...tensors].flatMap(([name, tensor]) =>
    name.startsWith('state.') ? [[name.slice('state.'.length), tensor] as const] : [],
  );
  const said = JSON.parse(metadata.config!) as { config: { image_size: number } };
  for (const name of ['foreign', 'sharded', 'bare', 'lacking']) mkdirSync(at(name));
  writeFileSync(at('foreign/model.safetensors'), encodeSafetensors(state));
  writeFileSync(at('bare/some.safetensors'), encodeSafetensors(state));
  const halves = [0, 1].map((half) => state.filter((_, i) => i % 2 === half));
  const map = halves.flatMap((half, i) => half.map(([name]) => [name, `part-${i}.safetensors`]));
  for (const [i, half] of halves.entries()) writeFileSync(at(`sharded/part-${i}.safetensors`), encodeSafetensors(half));
  const index = JSON.stringify({ weight_map: Object.fromEntries(map) });
  writeFileSync(at('sharded/model.safetensors.index.json'), index);
  writeFileSync(at('lacking/model.safetensors.index.json'), index);
  const normalised = { image_mean: [0.5, 0.5, 0.4], image_std: [0.2, 0.2, 0.3], size: said.config.image_size };
  for (const folder of ['foreign', 'sharded', 'bare']) {
    writeFileSync(at(folder, 'config.json'), JSON.stringify(said.config));
    writeFileSync(at(folder, 'preprocessor_config.json'), JSON.stringify(normalised));
  }
});

/** What a model says of a picture of noise. */
async function answerOf(model: LoadedModel): Promise<readonly ClassProbability[]> {
  const side = model.preprocessing.imageSize;
  const picture = { width: side, height: side, data: new Uint8Array(3 * side ** 2).map((_, i) => (i * 7919) % 256) };
  const pixelsOf = async () => picture;
  const opened = await openImageModel<string>(model, engine, { pixelsOf, nameOf: (name) => name });
  const found = await opened.predict('noise');
  await opened.dispose();
  return found;
}

it.each(['own', 'foreign', 'sharded', 'web'])(
  '%s: the files of a folder are the model that the folder is',
  async (name) => {
    const [here, there] = [await loaded(at(name)), await loadModelReference(at(name))];
    expect(contentOf(here)).toEqual(contentOf(there));
    expect(await answerOf(here)).toEqual(await answerOf(there));
  },
);

it.each(['bare/some.safetensors', 'flat/network.onnx'])(
  '%s is told apart by its ending, whatever its name',
  async (path) => {
    const [folder] = path.split('/');
    const [here, there] = [await loaded(at(folder!)), await loadModelReference(at(path))];
    expect(here.preprocessing).toEqual(there.preprocessing);
    expect(await answerOf(here)).toEqual(await answerOf(there));
  },
);

it('an ONNX file alone has what is said of it, and is refused with what is missing', async () => {
  const files = new GivenFiles('net', { 'network.onnx': readFileSync(at('flat/network.onnx')) });
  await expect(loadGiven(files, { engine })).rejects.toThrow(/an ONNX file does not say the names of its 3 classes/);
  const described = { classes: ['x', 'y', 'z'], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
  const model = await loadGiven(files, { engine, described: described as unknown as Described });
  expect(model.classes).toEqual(['x', 'y', 'z']);
  await expect(
    loadGiven(files, { engine, described: { ...described, classes: 'names.txt' } as never }),
  ).rejects.toThrow('no file is opened by its path here, got "names.txt"');
});

it('external data is taken from the files beside an ONNX file, and from nowhere else', async () => {
  const weight = numbers(960);
  const network = (location: string) =>
    onnxBytes({
      nodes: [node('Flatten', ['x'], ['f']), node('MatMul', ['f', 'm'], ['scores'])],
      input: [1, 3, 8, 8],
      output: 'scores',
      declared: [1, 5],
      weights: [
        {
          ...{ name: 'm', dims: [192n, 5n], dataType: 1, dataLocation: 1 },
          externalData: [{ key: 'location', value: location }],
        } as TensorInit,
      ],
    });
  const described = { classes: [...'abcde'], mean: [0, 0, 0], std: [1, 1, 1] } as unknown as Described;
  const model = (location: string, data: Uint8Array) =>
    loadGiven(new GivenFiles('net', { 'a/net.onnx': network(location), 'a/w.bin': data, 'b.txt': data }), {
      ...{ engine, described },
    });
  mkdirSync(at('external'));
  writeFileSync(at('external/net.onnx'), network('w.bin'));
  writeFileSync(at('external/w.bin'), weight);
  const there = await loadModelReference(at('external/net.onnx'), { described });
  const bytes = new Uint8Array(weight.buffer);
  expect(await answerOf(await model('w.bin', bytes))).toEqual(await answerOf(there));
  await expect(model('../b.txt', bytes)).rejects.toThrow('A model may not read other files');
  await expect(model('v.bin', bytes)).rejects.toThrow('which was not given');
  await expect(model('w.bin', bytes.slice(4))).rejects.toThrow('got a file of 3836 bytes');
});

it('a student starts from files as from the same files on the disk', async () => {
  const classes = ['blue', 'green', 'red'];
  const start = (folder: string) =>
    loadGivenInit(new GivenFiles(folder, picked(at(folder.slice(dir.length + 1)))), {}, classes, engine);
  const { network: _, ...own } = await start(at('own'));
  const { network: __, ...there } = await loadModelReference(at('own'));
  expect(own).toEqual(there);
  const network = await start(at('flat'));
  const onDisk = await loadOnnxStudentPath(at('flat/network.onnx'), {}, classes);
  expect(network.weights).toEqual(onDisk.weights);
  expect(network.weights.size).toBeGreaterThan(5);
  expect([network.classes, network.notes]).toEqual([onDisk.classes, onDisk.notes]);
  await expect(trainableGiven(new GivenFiles('flat', picked(at('flat'))))).rejects.toThrow(
    'flat: wanted a model of weights, got an ONNX file',
  );
});

it('files that are no model are refused by what is lacking', async () => {
  await expect(loaded(at('lacking'))).rejects.toThrow('part-0.safetensors: the file is missing; give it too');
  const refusal = (files: FilesByName) => loadGiven(new GivenFiles('given', files), { engine });
  const none = new Uint8Array(0);
  await expect(refusal({})).rejects.toThrow(/given: wanted model\.safetensors .* got no files/);
  await expect(refusal({ 'pytorch_model.bin': none })).rejects.toThrow(/pytorch_model\.bin is a PyTorch pickle/);
  await expect(refusal({ 'a.onnx': none, 'b.onnx': none })).rejects.toThrow(/wanted one ONNX file, got 2 \(a\.onnx/);
});

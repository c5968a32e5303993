import type { Content } from '../../src/formats/disk/content.ts';
import { modelContents } from '../../src/formats/modelContents.ts';
import { buildModel, modelConfigSchema } from '../../src/models/index.ts';
import { modelParams } from '../../src/program/evalProgram.ts';
import { node, numbers, onnxBytes } from '../parity/onnxBuilder.ts';
import { SEEDS as GRAPHS } from './onnxMutants.ts';
import type { FileSet, Seed } from './seeds.ts';

const VIT = { family: 'vit', imageSize: 16, patchSize: 8, width: 8, depth: 2, heads: 2, classes: 3 };
const RESNET = {
  family: 'resnet',
  imageSize: 16,
  depths: [1, 1],
  widths: [4, 8],
  stem: 'small',
  block: 'basic',
  classes: 3,
};
const MEAN = [0.5, 0.5, 0.5] as const;

/** The files of a folder with a model of these numbers, which no training made. */
export function modelFiles(config: object, forTransformers = false): FileSet {
  const model = modelConfigSchema.parse(config);
  const weights = new Map(
    modelParams(buildModel(model)).map(({ name, shape }) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const wave = Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 2);
      return [name, { shape, data: name.endsWith('running_var') ? wave.map((x) => 1 + x) : wave }];
    }),
  );
  const classes = ['cat', 'dog', 'a, b'];
  const preprocessing = { imageSize: 16, mean: MEAN, std: MEAN, evalCropRatio: 0.875 };
  const saved = { model, classes, preprocessing, weights };
  return Object.fromEntries(
    [...modelContents(saved, { forTransformers })].map(([name, content]) => [name, bytesOf(content)]),
  );
}

export const resnetFiles = (): FileSet => modelFiles(RESNET);

const bytesOf = (content: Content): Buffer =>
  typeof content === 'string' ? Buffer.from(content) : Buffer.concat([...(content as Iterable<Uint8Array>)]);

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value, null, 2));

/** As the libraries write them, each with another form of preprocessing. */
function foreign(): Record<string, FileSet> {
  const named = modelFiles(VIT, true);
  const { understudy: _, ...config } = JSON.parse(named['config.json']!.toString('utf8'));
  const processor = {
    image_processor_type: 'ViTImageProcessor',
    ...{ do_resize: true, size: { height: 16, width: 16 }, resample: 3 },
    ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: MEAN, image_std: MEAN },
  };
  const cropping = {
    feature_extractor_type: 'ConvNextFeatureExtractor',
    ...{ size: { shortest_edge: 20 }, crop_pct: 0.8, do_center_crop: true, crop_size: 16, resample: 2 },
    ...{ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] },
  };
  const timm = {
    architecture: 'vit_made_up',
    pretrained_cfg: {
      ...{ input_size: [3, 16, 16], mean: MEAN, std: MEAN, crop_pct: 0.9, crop_mode: 'center' },
      ...{ interpolation: 'bicubic', num_classes: 3, label_names: ['a', 'b', 'c'] },
    },
    model_args: { num_heads: 2 },
  };
  return {
    transformers: { ...named, 'config.json': json(config), 'preprocessor_config.json': json(processor) },
    cropping: { ...named, 'config.json': json(config), 'preprocessor_config.json': json(cropping) },
    timm: { 'model.safetensors': modelFiles(VIT)['model.safetensors']!, 'config.json': json(timm) },
  };
}

const folders = (): Record<string, FileSet> => ({
  vit: modelFiles(VIT),
  deit: modelFiles({ ...VIT, distToken: true, distHead: true, layerScale: 0.1 }, true),
  resnet: resnetFiles(),
  ...foreign(),
});

/** A file of a folder, and the others beside it. */
const seedOf = (kind: string, name: string, files: FileSet, file: string): Seed => {
  const { [file]: bytes, ...beside } = files;
  return { name: `${kind} ${name}, ${file}`, ending: file.split('.').at(-1)!, bytes: bytes!, file, beside };
};

/** Seeds of model folders: by the file that is spoilt, and (`model`) of all of them. */
export function modelSeeds(): Record<'weights' | 'config' | 'preprocessor' | 'model', Seed[]> {
  const of = (kind: string, wanted: (file: string) => boolean) =>
    Object.entries(folders()).flatMap(([name, files]) =>
      Object.keys(files)
        .filter(wanted)
        .map((file) => seedOf(kind, name, files, file)),
    );
  return {
    weights: of('weights', (file) => file === 'model.safetensors'),
    config: of('config', (file) => file === 'config.json'),
    preprocessor: of('preprocessor', (file) => file === 'preprocessor_config.json'),
    model: of('model', () => true),
  };
}

/** ONNX files by their bytes; the third kind of seed has its weights in a file beside it. */
export function onnxSeeds(): Seed[] {
  const sidecars = (count: number): FileSet => ({
    'config.json': json({ id2label: Object.fromEntries(Array.from({ length: count }, (_, i) => [i, `class ${i}`])) }),
    'preprocessor_config.json': json({ size: 8, image_mean: MEAN, image_std: MEAN }),
  });
  const CLASSES = [5, 5, 3];
  const graphs = GRAPHS.map((bytes, i): Seed => {
    const beside = sidecars(CLASSES[i]!);
    return { name: `onnx graph ${i}`, ending: 'onnx', bytes: Buffer.from(bytes), file: 'model.onnx', beside };
  });
  const entries = { location: 'model.onnx.data', offset: '0', length: String(4 * 960) };
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  const bytes = onnxBytes({
    nodes: [node('Flatten', ['x'], ['f']), node('MatMul', ['f', 'm'], ['logits'])],
    weights: [{ name: 'm', dims: [192n, 5n], dataType: 1, dataLocation: 1, externalData }],
  });
  const data = Buffer.from(Float32Array.from(numbers(960)).buffer);
  const beside = { ...sidecars(5), 'model.onnx.data': data };
  const external = { name: 'onnx external', ending: 'onnx', bytes: Buffer.from(bytes), file: 'model.onnx', beside };
  return [...graphs, external];
}

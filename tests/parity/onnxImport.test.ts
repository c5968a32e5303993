import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { constantOf, floats, input } from '../../src/graph/build.ts';
import { OnnxFile } from '../../src/onnx/import/onnxFile.ts';
import { onnxModel } from '../../src/onnx/import/onnxModel.ts';
import { mul, sub } from '../../src/ops/elementwise.ts';
import { slice } from '../../src/ops/movement.ts';
import { reduceMean, reduceSum } from '../../src/ops/reduce.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram } from '../../src/program/program.ts';
import { expectClose, readGolden } from './golden.ts';
import { ownRun, run } from './onnxRun.ts';

const BATCH = 7;
/** Logits against ONNX Runtime's own run of the file, absolute and relative to the largest. */
const LOGITS = 1e-4;
/** Gradient to the pixels against PyTorch's in float64, relative to its largest element. */
const GRADIENT = 1e-3;

const CNNS = {
  resnetBasic: ['stem', 's1', 's2', 's3', 's4'],
  resnetBottleneck: ['stem', 's1', 's2', 's3', 's4'],
  regnetY: ['stem', 's1', 's2', 's3'],
  mobilenetV2: ['stem', 's1', 's2'],
  mobilenetV3: ['stem', 's1', 's2'],
  efficientnet: ['stem', 's1', 's2'],
  convnext: ['s1', 's2', 's3'],
  swin: ['s1', 's2'],
};
const VITS = ['vit', 'vitUnfolded', 'vitLayerNorm'];
const ALL = [...Object.keys(CNNS), ...VITS, 'swinPadded'];

const bytesOf = (name: string) => gunzipSync(readFileSync(new URL(`../golden/onnx/${name}.onnx.gz`, import.meta.url)));
const modelOf = (name: string) => onnxModel(new OnnxFile(bytesOf(name), name));

/** The same formula stands in makeOnnx.py. */
const pixelsOf = (batch: number, side: number) =>
  Float32Array.from({ length: batch * 3 * side * side }, (_, i) => ((i * 7919) % 1009) / 252 - 2);

describe.each(ALL)('%s as PyTorch exports it', (name) => {
  const golden = readGolden(`onnx/${name}`);
  const side = golden.config.imageSize as number;

  it.each([1, BATCH])(
    'computes what the file and PyTorch compute, and the gradient to the pixels, for %i images',
    async (batch) => {
      const pixels = input('pixels', [batch, 3, side, side]);
      const { logits } = buildFrozen(modelOf(name), pixels, new Map());
      const weight = floats(logits.shape, Float32Array.from(golden.get('weight').data.slice(0, logits.shape[0]! * 5)));
      const [gradient] = grad(reduceSum(mul(logits, weight)), [pixels]);
      const images = pixelsOf(batch, side);
      const found = await run(closeProgram({ logits, gradient: gradient! }), images);
      const own = await ownRun(bytesOf(name), pixels.shape, images);
      const largest = Math.max(1, ...Array.from(own, Math.abs));
      found.get('logits')!.forEach((x, i) => {
        expect(Math.abs(x - own[i]!)).toBeLessThan(LOGITS * largest);
      });
      const rows = (key: string, count: number) => ({ ...golden.get(key), data: golden.get(key).data.slice(0, count) });
      expectClose('logits', found.get('logits')!, rows('logits', batch * 5), LOGITS);
      const one = 3 * side * side;
      const whole = found.get('gradient')!;
      expectClose('gradient of the first image', whole.slice(0, one), rows('gradient', one), GRADIENT);
      if (batch === 1) return;
      const last = { ...golden.get('gradient'), data: golden.get('gradient').data.slice(one) };
      expectClose('gradient of the last image', whole.slice(-one), last, GRADIENT);
    },
  );
});

/** Hooks of PyTorch would stand here: the names are those of the exporter, which name the module. */
describe('features', () => {
  it.each(Object.entries(CNNS))('%s: the stages end where the map shrinks', (name, stages) => {
    const model = modelOf(name);
    const { maps, pooled, logits } = buildFrozen(
      model,
      input('pixels', [2, 3, model.imageSize, model.imageSize]),
      new Map(),
    );
    expect(Object.keys(maps!)).toEqual(stages);
    const sizes = Object.values(maps!).map(({ shape }) => shape[2]!);
    sizes.forEach((size, i) => {
      expect(size).toBe(Math.ceil(model.imageSize / 2 ** (i + (stages[0] === 'stem' ? 1 : 2))));
    });
    for (const { shape } of Object.values(maps!)) expect([shape[0], shape[2]]).toEqual([2, shape[3]]);
    expect(logits.node.inputs[0]!.shape).toEqual(pooled!.shape);
  });

  it('the answer at each place is there where one linear layer is behind the pooling, and its mean is the answer', async () => {
    const names = Object.keys(CNNS).filter((name) => modelOf(name).features.includes('placeLogits'));
    expect(names).toEqual(['resnetBasic', 'resnetBottleneck', 'regnetY', 'mobilenetV2', 'efficientnet', 'swin']);
    for (const name of names) {
      const model = modelOf(name);
      const pixels = input('pixels', [3, 3, model.imageSize, model.imageSize]);
      const { logits, placeLogits, maps } = buildFrozen(model, pixels, new Map());
      const [, h, w, K] = placeLogits!.shape as [number, number, number, number];
      expect([h, w, K], name).toEqual([...Object.values(maps!).at(-1)!.shape.slice(2), 5]);
      const mean = reduceMean(placeLogits!, { axes: [1, 2] });
      const found = await run(
        closeProgram({ logits, mean, apart: sub(slice(placeLogits!, 1, 0, 1), slice(placeLogits!, 1, 1, 2)) }),
        pixelsOf(3, model.imageSize),
      );
      found.get('mean')!.forEach((x, i) => void expect(x, name).toBeCloseTo(found.get('logits')![i]!, 4));
      expect(Math.max(...found.get('apart')!.map(Math.abs)), name).toBeGreaterThan(1e-3);
    }
  });

  it.each([
    ['resnetBasic', 's4'],
    ['regnetY', 's3'],
  ])('%s: the answer at a place depends on that place of the last map alone', async (name, last) => {
    const model = modelOf(name);
    const { placeLogits, maps } = buildFrozen(
      model,
      input('pixels', [1, 3, model.imageSize, model.imageSize]),
      new Map(),
    );
    const place = slice(slice(placeLogits!, 1, 0, 1), 2, 1, 2);
    const [gradient] = grad(reduceSum(mul(place, place)), [maps![last]!]);
    const found = (await run(closeProgram({ gradient: gradient! }), pixelsOf(1, model.imageSize))).get('gradient')!;
    const side = maps![last]!.shape[3]!;
    const reached = new Set([...found.keys()].filter((i) => found[i] !== 0).map((i) => i % side ** 2));
    // Row 0, column 1.
    expect([...reached]).toEqual([1]);
  });

  it('the stages of ResNet are its layers, and another value can be taken', () => {
    expect(modelOf('resnetBasic').config.maps).toEqual({
      stem: '/relu/Relu_output_0',
      s1: '/layer1/layer1.0/relu_1/Relu_output_0',
      s2: '/layer2/layer2.1/relu_1/Relu_output_0',
      s3: '/layer3/layer3.0/relu_1/Relu_output_0',
      s4: '/layer4/layer4.0/relu_1/Relu_output_0',
    });
    const other = { maps: { s2: '/layer2/layer2.0/relu_1/Relu_output_0' } };
    const file = new OnnxFile(bytesOf('resnetBasic'), 'resnet.onnx');
    expect(onnxModel(file, { features: other }).config.maps).toMatchObject({
      s1: expect.stringContaining('layer1'),
      ...other.maps,
    });
    const wrong = () => onnxModel(file, { features: { maps: { s2: '/layer2/layer2.0/relu_1/Relu_output' } } });
    expect(wrong).toThrow(/teacher\.features\.maps\.s2.*Did you mean \/layer2\/layer2\.0\/relu_1\/Relu_output_0\?/s);
    // Where no name is alike: the candidates of the stage, those of inspect.
    const unlike = () => onnxModel(file, { features: { maps: { s4: 'xyz' } } });
    expect(unlike).toThrow(
      /Available: \/layer4\/layer4\.0\/Add_output_0, \/layer4\/layer4\.0\/relu_1\/Relu_output_0\. /,
    );
  });

  it.each(VITS)('%s: tokens by block, both branches, attention', async (name) => {
    const pixels = input('pixels', [2, 3, 32, 32]);
    const f = buildFrozen(modelOf(name), pixels, new Map());
    expect([f.tokens!.length, f.ffn!.length, f.mha!.length, f.attention!.length]).toEqual([2, 2, 2, 2]);
    expect([f.tokens![0]!.shape, f.attention![0]!.shape, f.norm!.shape, f.grid]).toEqual([
      [2, 17, 16],
      [2, 2, 17, 17],
      [2, 17, 16],
      { rows: 4, columns: 4, prefix: 1 },
    ]);
    const sum = sub(sub(sub(f.tokens![1]!, f.tokens![0]!), f.mha![1]!), f.ffn![1]!);
    const rows = reduceSum(f.attention![1]!, { axes: [-1] });
    const found = await run(
      closeProgram({ sum, rows, pooled: f.pooled!, first: slice(f.norm!, 1, 0, 1) }),
      pixelsOf(2, 32),
    );
    expect(Math.max(...found.get('sum')!.map(Math.abs))).toBeLessThan(1e-5);
    found.get('rows')!.forEach((total) => {
      expect(total).toBeCloseTo(1, 5);
    });
    expect(found.get('pooled')).toEqual(found.get('first'));
  });

  it('BatchNorms that the exporter kept give their input and running statistics', () => {
    const { normStats } = buildFrozen(modelOf('regnetY'), input('pixels', [2, 3, 48, 48]), new Map());
    // The stem's, three of each of four blocks, and the projections of three.
    expect(normStats!.length).toBe(16);
    const [first] = normStats!;
    expect(first!.input.node.op.name).toBe('Conv');
    expect([first!.mean.shape, first!.variance.shape]).toEqual([[8], [8]]);
    const statistics = (t: typeof first) => [constantOf(t!.mean)!, constantOf(t!.variance)!];
    for (const one of normStats!) expect(statistics(one)[1]!.data.every((v) => v >= 0.5)).toBe(true);
    expect(statistics(first)[0]!.data.some((v) => v < 0)).toBe(true);
    expect(modelOf('resnetBasic').features).not.toContain('normStats');
  });
});

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { floats, input } from '../../src/graph/build.ts';
import { OnnxFile } from '../../src/onnx/import/onnxFile.ts';
import { onnxModel } from '../../src/onnx/import/onnxModel.ts';
import { mul } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram, type Program } from '../../src/program/program.ts';
import { expectClose, readGolden } from './golden.ts';

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

const engine = ortNode({ threads: 1 });

async function run(program: Program, pixels: Float32Array): Promise<Map<string, Float32Array>> {
  const compiled = await engine.compile(program);
  const [port] = program.inputs.values();
  const into = Object.fromEntries([...program.outputs].map(([key, t]) => [key, engine.empty(t.dtype, t.shape)]));
  await compiled.run({ pixels: engine.tensor('float32', port!.shape, pixels) }, into);
  const read = await Promise.all(
    Object.entries(into).map(async ([key, t]) => [key, Float32Array.from((await t.read()) as Float32Array)] as const),
  );
  await compiled.dispose();
  return new Map(read);
}

async function ownRun(name: string, shape: readonly number[], pixels: Float32Array): Promise<Float32Array> {
  const session = await InferenceSession.create(bytesOf(name), { logSeverityLevel: 3 });
  const { logits } = await session.run({ pixels: new OrtTensor('float32', pixels, shape as number[]) });
  await session.release();
  return logits!.data as Float32Array;
}

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
      const own = await ownRun(name, pixels.shape, images);
      const largest = Math.max(1, ...Array.from(own, Math.abs));
      found.get('logits')!.forEach((x, i) => expect(Math.abs(x - own[i]!)).toBeLessThan(LOGITS * largest));
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

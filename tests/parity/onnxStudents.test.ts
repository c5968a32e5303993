import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { input } from '../../src/graph/build.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { crossEntropy } from '../../src/losses/crossEntropy.ts';
import { inputStore, Scope } from '../../src/nn/scope.ts';
import { OnnxFile } from '../../src/onnx/import/onnxFile.ts';
import { readStudent } from '../../src/onnx/student/read.ts';
import { onnxStudent } from '../../src/onnx/student/student.ts';
import { withoutValues, withValues } from '../../src/onnx/student/structure.ts';
import { closeProgram } from '../../src/program/program.ts';
import { type Golden, readGolden } from './golden.ts';

/** Of a gradient, relative to its norm, and of a loss; float32 against PyTorch's float64. */
const TOLERANCE = 1e-4;

const ALL = [
  ...['resnetBasic', 'resnetBottleneck', 'regnetY', 'mobilenetV2', 'mobilenetV3', 'efficientnet', 'convnext'],
  ...['vit', 'vitUnfolded', 'vitLayerNorm', 'swin', 'swinPadded'],
];

const bytesOf = (name: string) => gunzipSync(readFileSync(new URL(`../golden/onnx/${name}.onnx.gz`, import.meta.url)));
const readOf = (name: string) => readStudent(new OnnxFile(bytesOf(name), name));

/** Loss, gradients and running statistics of one step of the network as it is trained. */
async function step(name: string, golden: Golden): Promise<Map<string, Float32Array>> {
  const [side, B] = [golden.config.imageSize as number, golden.config.batch as number];
  const { config, weights } = readOf(name);
  const student = onnxStudent(config);
  const tensors = new Map<string, Tensor>();
  const store = inputStore('', ({ name, shape }) => {
    const made = input(name, shape);
    tensors.set(name, made);
    return made;
  });
  const { logits } = student.build(new Scope(store, true), input('pixels', [B, 3, side, side]));
  const loss = crossEntropy(logits, input('targets', [B, 5]));
  const trained = [...store.params.values()].filter(({ role }) => role === 'param').map((spec) => spec.name);
  const outputs = new Map<string, Tensor>([['loss', loss]]);
  const gradients = grad(
    loss,
    trained.map((one) => tensors.get(one)!),
  );
  gradients.forEach((g, i) => void outputs.set(`grad.${trained[i]}`, g));
  for (const [one, after] of store.updates) outputs.set(`after.${one}`, after);
  const engine = ortNode();
  const compiled = await engine.compile(closeProgram(outputs));
  const into = Object.fromEntries([...outputs].map(([port, t]) => [port, engine.empty('float32', t.shape)]));
  const pixels = Float32Array.from({ length: B * 3 * side ** 2 }, (_, i) => ((i * 7919) % 1009) / 252 - 2);
  const targets = Float32Array.from({ length: B * 5 }, (_, i) => (i % 5 === Math.floor(i / 5) % 5 ? 1 : 0));
  const feeds = {
    pixels: engine.tensor('float32', [B, 3, side, side], pixels),
    targets: engine.tensor('float32', [B, 5], targets),
    ...Object.fromEntries([...weights].map(([one, { shape, data }]) => [one, engine.tensor('float32', shape, data)])),
  };
  await compiled.run(feeds, into);
  const found = new Map<string, Float32Array>();
  for (const port of outputs.keys()) found.set(port, ((await into[port]!.read()) as Float32Array).slice());
  await compiled.dispose();
  return found;
}

describe.each(ALL)('%s as a student', (name) => {
  const golden = readGolden(`onnxStudent/${name}`);
  const wanted = golden.group('norm.');

  it('has the loss, the gradient of every weight and the running statistics of PyTorch', async () => {
    const found = await step(name, golden);
    const kept = golden.config.kept as number;
    expect(Math.abs(found.get('loss')![0]! / golden.get('loss').data[0]! - 1)).toBeLessThan(TOLERANCE);
    const names = [...found.keys()].filter((port) => port.startsWith('grad.')).map((port) => port.slice(5));
    expect(names.sort()).toEqual([...wanted.keys()].sort());
    for (const one of names) {
      const g = found.get(`grad.${one}`)!;
      const scale = golden.get(`norm.${one}`).data[0]!;
      expect(Math.abs(Math.hypot(...g) - scale), one).toBeLessThan(TOLERANCE * scale + 1e-9);
      const every = Math.ceil(g.length / kept);
      golden.get(`grad.${one}`).data.forEach((x, i) => {
        expect(Math.abs(g[i * every]! - x), `${one} ${i}`).toBeLessThan(TOLERANCE * scale + 1e-9);
      });
    }
    const after = golden.group('after.');
    expect([...found.keys()].filter((port) => port.startsWith('after.')).length).toBe(after.size);
    for (const [one, { data }] of after)
      for (const [i, x] of found.get(`after.${one}`)!.entries())
        expect(Math.abs(x - data[i]!), one).toBeLessThan(1e-5 * Math.max(1, Math.abs(data[i]!)));
  });

  it('is written as it was read, but for the values of the weights', () => {
    const { config, weights } = readOf(name);
    const doubled = new Map(
      [...weights].map(([one, { shape, data }]) => [one, { shape, data: data.map((x) => 2 * x) }]),
    );
    const written = withValues(onnxStudent(config).file, doubled);
    expect(
      Buffer.from(withoutValues(written, weights)).equals(Buffer.from(withoutValues(bytesOf(name), weights))),
    ).toBe(true);
    const again = readStudent(new OnnxFile(written, name)).weights;
    for (const [one, { data }] of doubled) expect([...again.get(one)!.data], one).toEqual([...data]);
  });
});

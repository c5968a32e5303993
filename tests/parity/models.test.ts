import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { evaluate } from '../../src/engine/reference.ts';
import { input } from '../../src/graph/build.ts';
import type { NdArray } from '../../src/graph/ndArray.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { crossEntropy } from '../../src/losses/crossEntropy.ts';
import type { Features } from '../../src/models/features.ts';
import { buildModel, modelConfigSchema } from '../../src/models/index.ts';
import { inputStore, Scope } from '../../src/nn/scope.ts';
import { add, mul } from '../../src/ops/elementwise.ts';
import { closeProgram } from '../../src/program/program.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';

const VIT = ['vitPlain', 'vitDistilled', 'vitDeit3', 'vitDeit3Train', 'vitMhcaSum', 'vitMhcaLogits', 'vitMhcaGated'];
const VIT_EVAL = ['vitMhcaSumEval', 'vitMhcaLogitsEval', 'vitMhcaGatedEval', 'vitMhcaSumDist'];
const VIT_FORMS = ['vitMeanPool', 'vitPoolNorm', 'vitNoHead', 'vitOneHead'];
const VIT_WIDTHS = ['vitWideLast', 'vitTwoWidths', 'vitLift'];
const VIT_FEWER = [
  ...['vitPatchDropout', 'vitPatchDropoutDist', 'vitPatchDropoutMean'],
  ...['vitSmaller', 'vitSmallerThinned'],
];
const CNN = ['resnetSmallTrain', 'resnetSmallEval', 'resnetBottleneckTrain', 'regnetTrain', 'regnetEval'];

function oneHot(labels: NdArray, classes: number, shift: number): NdArray {
  const data = new Float64Array(labels.data.length * classes);
  Array.from(labels.data).forEach((label, row) => {
    data[row * classes + ((label + shift) % classes)] = 1;
  });
  return { dtype: 'float32', shape: [labels.data.length, classes], data };
}

function featureTensors(features: Features): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const name of ['tokens', 'attention'] as const)
    features[name]?.forEach((t, i) => void out.set(`${name}.${i}`, t));
  for (const name of ['norm', 'logits', 'distLogits', 'pooled'] as const)
    if (features[name]) out.set(name, features[name]);
  for (const [stage, t] of Object.entries(features.maps ?? {})) out.set(`maps.${stage}`, t);
  return out;
}

/** The model of a golden file: its outputs (features, loss, gradients, buffers) and what to feed. */
function buildCase(golden: Golden) {
  const { model: family, train, case: _, ...config } = golden.config;
  const model = buildModel(modelConfigSchema.parse({ family, ...config }));
  const store = inputStore('param.');
  const pixels = golden.get('input.pixels');
  const features = model.build(new Scope(store, train as boolean), input('pixels', pixels.shape));
  const width = features.logits.shape[1]!;
  const [labels, shifted] = [input('labels', [pixels.shape[0]!, width]), input('shifted', [pixels.shape[0]!, width])];
  const plain = crossEntropy(features.logits, labels);
  const loss = features.distLogits ? add(plain, mul(0.5, crossEntropy(features.distLogits, shifted))) : plain;
  const names = [...store.params.values()].filter((spec) => spec.role === 'param').map((spec) => spec.name);
  const outputs = new Map<string, Tensor>([['loss', loss]]);
  const wrt = names
    .map((name) => store.params.get(name)!.name)
    .map((name) => closeInput(outputsOf(loss), `param.${name}`));
  grad(loss, wrt).forEach((g, i) => void outputs.set(`grad.${names[i]}`, g));
  for (const [name, t] of featureTensors(features))
    if (golden.tensors.has(`feature.${name}`)) outputs.set(`feature.${name}`, t);
  for (const [name, t] of store.updates) outputs.set(`bufferAfter.${name}`, t);
  const feeds = new Map<string, NdArray>([
    ['pixels', pixels],
    ['labels', oneHot(golden.get('input.labels'), width, 0)],
    ['shifted', oneHot(golden.get('input.labels'), width, 1)],
    ...[...golden.group('param.'), ...golden.group('buffer.')].map(([name, value]): [string, NdArray] => [
      `param.${name}`,
      value,
    ]),
    ...[...golden.group('input.posMask.')].map(([i, value]): [string, NdArray] => [
      `noise.blocks.${i}.attn.posMask`,
      value,
    ]),
    ...(golden.tensors.has('input.patchMask')
      ? [['noise.patchDropout', golden.get('input.patchMask')] as [string, NdArray]]
      : []),
    ...[...golden.group('input.dropPath.')].map(([key, value]): [string, NdArray] => {
      const [i, branch] = key.split('.');
      return [`noise.blocks.${i}.dropPath${branch === 'attn' ? 'Attn' : 'Mlp'}`, value];
    }),
  ]);
  return { outputs, feeds, names };
}

const outputsOf = (t: Tensor) => closeInputs(t);
function closeInputs(t: Tensor): ReadonlyMap<string, Tensor> {
  const found = new Map<string, Tensor>();
  const seen = new Set<object>();
  const visit = (tensor: Tensor) => {
    if (seen.has(tensor.node)) return;
    seen.add(tensor.node);
    if (tensor.node.op.name === 'Input') found.set(String(tensor.node.attrs.name), tensor);
    for (const from of tensor.node.inputs) if (from) visit(from);
  };
  visit(t);
  return found;
}
function closeInput(inputs: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = inputs.get(name);
  if (!tensor) throw new Error(`${name} does not reach the loss`);
  return tensor;
}

describe.each([...VIT, ...VIT_EVAL, ...VIT_FORMS, ...VIT_WIDTHS, ...VIT_FEWER, ...CNN])('%s equals PyTorch', (name) => {
  const golden = readGolden(`models/${name}`);
  const { outputs, feeds, names } = buildCase(golden);

  it('has the same parameter names and shapes', () => {
    expect([...names].sort()).toEqual([...golden.group('param.').keys()].sort());
  });

  it('in float64 on the reference engine: features, loss, gradients, statistics', () => {
    const values = evaluate([...outputs.values()], feeds);
    [...outputs.keys()].forEach((key, i) => {
      expectClose(key, values[i]!.data as Float64Array, golden.get(key), 2e-6);
    });
    const wanted = [...golden.tensors.keys()].filter((key) => /^(grad|feature|bufferAfter)\.|^loss$/.test(key));
    expect(wanted.filter((key) => !outputs.has(key))).toEqual([]);
  });

  it('in float32 on ONNX Runtime', async () => {
    const engine = ortNode({ threads: 1 });
    const program = closeProgram(outputs);
    const compiled = await engine.compile(program);
    const given = Object.fromEntries(
      [...program.inputs].map(([port, t]) => {
        const value = feeds.get(port)!;
        return [
          port,
          engine.tensor(
            t.dtype,
            t.shape,
            t.dtype === 'uint8' ? Uint8Array.from(value.data) : Float32Array.from(value.data),
          ),
        ];
      }),
    );
    const into = Object.fromEntries([...program.outputs].map(([port, t]) => [port, engine.empty(t.dtype, t.shape)]));
    await compiled.run(given, into);
    for (const [port, target] of Object.entries(into))
      expectClose(port, (await target.read()) as Float32Array, golden.get(port), 2e-4);
    await compiled.dispose();
  });
});

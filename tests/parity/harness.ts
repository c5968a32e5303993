import { expect } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { hostArray } from '../../src/engine/contract.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { evaluate } from '../../src/engine/reference.ts';
import { input } from '../../src/graph/build.ts';
import type { NdArray } from '../../src/graph/ndArray.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import type { Method, Term, Terms } from '../../src/methods/index.ts';
import type { Features } from '../../src/models/index.ts';
import { inputStore, type NoiseSpec, Scope } from '../../src/nn/scope.ts';
import { add, mul } from '../../src/ops/elementwise.ts';
import { closeProgram } from '../../src/program/program.ts';
import { expectClose, type Golden } from './golden.ts';

type Feeds = ReadonlyMap<string, NdArray>;

/** How a golden file is read as a call of a method. */
export interface MethodCase {
  readonly method: Method;
  /** As a user writes it; parsed by the method's own schema. */
  readonly config: Readonly<Record<string, unknown>>;
  student(port: (name: string) => Tensor): Features;
  teacher?(port: (name: string) => Tensor): Features;
  /** Each term of the file from the method's terms. */
  readonly terms: Readonly<Record<string, (terms: Terms) => Tensor>>;
  /** What the host draws for a mask. */
  noise?(spec: NoiseSpec): NdArray;
  /** The epoch, from 0, and how many there are, for what the method schedules. */
  readonly epoch?: readonly [number, number];
}

export function oneHot(labels: NdArray, classes: number): NdArray {
  const data = new Float64Array(labels.data.length * classes);
  Array.from(labels.data).forEach((label, row) => {
    data[row * classes + label] = 1;
  });
  return { dtype: 'float32', shape: [labels.data.length, classes], data };
}

export const weigh = ({ value, weight }: Term): Tensor => mul(value, weight);
export const total = (terms: Terms): Tensor =>
  Object.values(terms)
    .map(weigh)
    .reduce((a, b) => add(a, b));

/** The golden's outputs as graph (loss, terms, gradients, buffers), and what to feed. */
export function buildCase(golden: Golden, { method, config, ...given }: MethodCase) {
  const feeds = new Map<string, NdArray>();
  const ports = new Map<string, Tensor>();
  const port = (name: string): Tensor => {
    const value = golden.get(`input.${name}`);
    feeds.set(name, value);
    const made = ports.get(name) ?? input(name, value.shape);
    ports.set(name, made);
    return made;
  };
  const params = new Map<string, Tensor>();
  const store = inputStore('', (spec) => {
    const made = input(spec.name, spec.shape);
    params.set(spec.name.replace('method.', ''), made);
    const initial = new Float64Array(made.shape.reduce((a, b) => a * b, 1)).fill(
      /running_var$/.test(spec.name) ? 1 : 0,
    );
    const held = golden.tensors.get(`param.${spec.name.replace('method.', '')}`);
    if (spec.role === 'param' && !held) throw new Error(`the file has no parameter ${spec.name}`);
    feeds.set(spec.name, held ?? { dtype: 'float32', shape: spec.shape, data: initial });
    return made;
  });
  const student = given.student(port);
  const teacher = given.teacher?.(port);
  const targets = targetPort(golden, student.logits.shape[1]!, feeds);
  const parsed = method.config.parse(config);
  const terms = new Scope(store, true).in('method', (scope) =>
    method.loss({ scope, student, teacher, targets, config: parsed }),
  );
  for (const spec of store.noises.values()) feeds.set(`noise.${spec.name}`, given.noise!(spec));
  for (const { name, at } of store.schedules.values())
    feeds.set(`scalar.${name}`, { dtype: 'float32', shape: [], data: Float64Array.of(at(...given.epoch!)) });
  const loss = total(terms);
  const outputs = new Map<string, Tensor>([['loss', loss]]);
  for (const [name, of] of Object.entries(given.terms))
    if (golden.tensors.has(`term.${name}`)) outputs.set(`term.${name}`, of(terms));
  const names = [...golden.group('grad.').keys()];
  const wrt = names.map((name) => ports.get(name) ?? params.get(name) ?? port(name));
  grad(loss, wrt).forEach((g, i) => void outputs.set(`grad.${names[i]}`, g));
  for (const [name, t] of store.updates) outputs.set(`bufferAfter.${name.replace('method.', '')}`, t);
  return { outputs, feeds, terms, params };
}

function targetPort(golden: Golden, classes: number, feeds: Map<string, NdArray>): Tensor | undefined {
  const [labels, rows] = [golden.tensors.get('input.labels'), golden.tensors.get('input.target')];
  if (!labels && !rows) return undefined;
  const value = rows ?? oneHot(labels!, classes);
  feeds.set('targets', value);
  return input('targets', value.shape);
}

/**
 * Relative to the largest magnitude; or, where PyTorch has rounding noise around an exact zero (a bias that BatchNorm takes
 * out again), to 0.01, the size of the gradients around it.
 */
function close(name: string, got: ArrayLike<number>, want: NdArray, tolerance: number): void {
  const largest = Math.max(...Array.from(want.data, Math.abs));
  if (largest > 1e-12) expectClose(name, got, want, tolerance);
  else {
    expect(got.length, `${name}: size`).toBe(want.data.length);
    const worst = Math.max(...Array.from(got, Math.abs));
    expect(worst, `${name}: wanted 0`).toBeLessThan(tolerance * 0.01);
  }
}

/** Every number of the file, by the float64 interpreter; and nothing of the file left out. */
export function expectReference(golden: Golden, outputs: ReadonlyMap<string, Tensor>, feeds: Feeds, tolerance: number) {
  const values = evaluate([...outputs.values()], feeds);
  [...outputs.keys()].forEach(
    (name, i) => void close(name, values[i]!.data as Float64Array, golden.get(name), tolerance),
  );
  // hidden.<k>: the method gives their mean; each alone shows in the gradient to its own tokens.
  const wanted = [...golden.tensors.keys()].filter((name) => /^(grad|term|bufferAfter)\.|^loss$/.test(name));
  expect(wanted.filter((name) => !outputs.has(name) && !/^term\.hidden\.\d+$/.test(name))).toEqual([]);
}

export async function expectOrt(golden: Golden, outputs: ReadonlyMap<string, Tensor>, feeds: Feeds, tolerance: number) {
  const values = await runOrt(outputs, feeds);
  for (const [name, value] of values) close(name, value, golden.get(name), tolerance);
}

/** The values of named outputs in float32 on ONNX Runtime. */
export async function runOrt(outputs: ReadonlyMap<string, Tensor>, feeds: Feeds): Promise<Map<string, number[]>> {
  const engine = ortNode({ threads: 1 });
  const program = closeProgram(outputs);
  const compiled = await engine.compile(program);
  const given = Object.fromEntries(
    [...program.inputs].map(([name, t]) => {
      const data = hostArray(t.dtype, feeds.get(name)!.data.length);
      (data as Float32Array).set(feeds.get(name)!.data as Float64Array);
      return [name, engine.tensor(t.dtype, t.shape, data)];
    }),
  );
  const into = Object.fromEntries([...program.outputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]));
  await compiled.run(given, into);
  const read = new Map<string, number[]>();
  for (const [name, t] of Object.entries(into)) read.set(name, Array.from(await t.read(), Number));
  await compiled.dispose();
  return read;
}

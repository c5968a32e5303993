import { describe, expect, it } from 'vitest';
import { vjp } from '../../src/autodiff/grad.ts';
import { type EngineTensor, hostArray } from '../../src/engine/contract.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { evaluate } from '../../src/engine/reference.ts';
import { input } from '../../src/graph/build.ts';
import { type NdArray, ndArray } from '../../src/graph/ndArray.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { CASES, type OpCase, realise } from '../../src/ops/cases.ts';
import { isFloat } from '../../src/ops/elementwise.ts';
import { closeProgram, type Program } from '../../src/program/program.ts';
import { stream } from '../../src/random/stream.ts';

/** Of the largest magnitude in the tensor: float32 kernels round in their own order. */
const TOLERANCE = 2e-5;

/** Rows that ONNX Runtime's CPU kernels cannot run, each with the reason. */
const SKIPPED: Readonly<Record<string, string>> = {};

const engine = ortNode({ threads: 1 });

/** The forward value and, where there is one, the derived gradient along a random cotangent, in one program. */
function forwardAndGradient(op: string, example: OpCase): { program: Program; feeds: ReadonlyMap<string, NdArray> } {
  const { outputs, feeds, wrt } = realise(op, example);
  const named: Record<string, Tensor> = Object.fromEntries(outputs.map((t, i) => [`y${i}`, t]));
  const all = new Map(feeds);
  if (wrt.length > 0) {
    const floats = outputs.filter((t) => isFloat(t.dtype));
    const seeds = floats.map((t, i) => input(`dy${i}`, t.shape));
    seeds.forEach((t, i) => {
      const random = stream('parity', op, example.name, i);
      all.set(`dy${i}`, ndArray(t.shape, Float32Array.from({ length: sizeOf(t.shape) }, random.normal)));
    });
    vjp(floats, seeds, wrt).forEach((g, i) => {
      named[`g${i}`] = g;
    });
  }
  return { program: closeProgram(named), feeds: all };
}

function engineTensor({ dtype, shape }: Tensor, value: NdArray): EngineTensor {
  const data = hostArray(dtype, value.data.length);
  for (let i = 0; i < data.length; i++) data[i] = dtype === 'int64' ? BigInt(value.data[i]!) : value.data[i]!;
  return engine.tensor(dtype, shape, data);
}

async function runOrt(program: Program, feeds: ReadonlyMap<string, NdArray>): Promise<Map<string, number[]>> {
  const compiled = await engine.compile(program);
  const given = Object.fromEntries(
    [...program.inputs].map(([name, port]) => [name, engineTensor(port, feeds.get(name)!)]),
  );
  const into = Object.fromEntries([...program.outputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]));
  await compiled.run(given, into);
  const read = await Promise.all(
    Object.entries(into).map(async ([name, t]) => [name, Array.from(await t.read(), Number)] as const),
  );
  await compiled.dispose();
  return new Map(read);
}

function compare(name: string, got: readonly number[], wanted: NdArray): void {
  expect(got, name).toHaveLength(wanted.data.length);
  if (!isFloat(wanted.dtype)) {
    expect(got, name).toEqual(Array.from(wanted.data));
    return;
  }
  const scale = Math.max(...Array.from(wanted.data, Math.abs));
  got.forEach((x, i) => {
    const away = Math.abs(x - wanted.data[i]!);
    expect(away, `${name}[${i}]: ${x}, not ${wanted.data[i]}`).toBeLessThanOrEqual(TOLERANCE * scale);
  });
}

async function check(op: string, example: OpCase): Promise<void> {
  const { program, feeds } = forwardAndGradient(op, example);
  const names = [...program.outputs.keys()];
  const wanted = evaluate([...program.outputs.values()], feeds);
  const got = await runOrt(program, feeds);
  for (const [i, name] of names.entries()) compare(name, got.get(name)!, wanted[i]!);
}

describe.each(Object.entries(CASES))('ONNX Runtime against the reference: %s', (op, examples) => {
  for (const example of examples) {
    const reason = SKIPPED[`${op}: ${example.name}`] ?? SKIPPED[op];
    it.skipIf(reason)(reason ? `${example.name} (${reason})` : example.name, () => check(op, example));
  }
});

it('every skipped row exists', () => {
  const known = Object.entries(CASES).flatMap(([op, rows]) => [op, ...rows.map((r) => `${op}: ${r.name}`)]);
  expect(Object.keys(SKIPPED).filter((key) => !known.includes(key))).toEqual([]);
});

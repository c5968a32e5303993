import { describe, expect, it } from 'vitest';
import { constant, input } from '../../src/graph/build.ts';
import type { NdArray } from '../../src/graph/ndArray.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { importGraph } from '../../src/onnx/import/importGraph.ts';
import { OnnxFile } from '../../src/onnx/import/onnxFile.ts';
import { RULES } from '../../src/onnx/import/rules/index.ts';
import { closeProgram } from '../../src/program/program.ts';
import { type OnnxCase, onnxCases } from './onnxCases.ts';
import { ONNX_TESTS } from '../systemPackages.ts';
import { engine } from './onnxRun.ts';

/** What a classifier needs of an operator is imported; the rest is refused with these words. */
const REFUSED: readonly { readonly cases: RegExp; readonly because: RegExp }[] = [
  { cases: /select_last_index/, because: /select_last_index = 1 is not supported/ },
  { cases: /pool_[13]d|convtranspose_[13]d/, because: /two-dimensional windows are supported/ },
  { cases: /training(?!_dropout_zero)/, because: /training form; call model\.eval\(\)/ },
  { cases: /window.*expanded|^test_range_float/, because: /a bound \(input \d\) must be a constant/ },
  { cases: /convtranspose_autopad/, because: /auto_pad = SAME_UPPER is not supported/ },
  { cases: /dilations/, because: /dilations \[2,2\] are not supported/ },
  { cases: /convtranspose_(kernel|output)_shape/, because: /output_shape is not supported/ },
  { cases: /cumsum|scatternd$/, because: /\(input 0\) must be a constant/ },
  { cases: /scatternd_(add|multiply)/, because: /reduction is not supported/ },
  { cases: /einsum_(batch_diagonal|inner_prod)/, because: /the equation ".*" is not supported/ },
  { cases: /maxpool_with_argmax/, because: /the indices of a maximum are not supported/ },
  { cases: /mod_(int64_fmod|mixed_sign_float)/, because: /fmod = 1 is supported for constants/ },
  { cases: /reduce_prod/, because: /only a product over one axis/ },
  { cases: /resize.*tf_/, because: /coordinate_transformation_mode = tf_\w+ is not supported/ },
  { cases: /slice_start_out_of_bounds|split_zero_size/, because: /empty slice|must be above 0/ },
];

/** Values that the import does not have (no elements at all, text, sequences, NaN), or turns into float32. */
const OTHER_VALUES = /reshape_allowzero|BFLOAT16|STRING|FLOAT16|_opt\b|_opt_|sequence|_seq\b|optional|isnan/;

/**
 * With aligned corners and a scale, the reference measures from the fractional side, ONNX Runtime from that of the result. A model
 * has run there, so ONNX Runtime's numbers are the ones.
 */
const AS_IT_RUNS: Readonly<Record<string, readonly number[]>> = {
  test_resize_downsample_scales_linear_align_corners: [1, 4],
  test_resize_downsample_scales_cubic_align_corners: [1, 2.5, 4, 7, 8.5, 10, 13, 14.5, 16],
};

/**
 * The first float input depends on the image, the others are constants, as in a classifier's file.
 * @throws UserError where the file cannot be imported.
 */
async function computed({ bytes, name, inputs, outputs }: OnnxCase): Promise<Map<string, NdArray>> {
  const given = new Map<string, Tensor>();
  const feeds: Record<string, NdArray> = {};
  for (const [port, value] of inputs()) {
    const live = value.dtype === 'float32' && Object.keys(feeds).length === 0;
    if (live) feeds[port] = value;
    given.set(port, live ? input(port, value.shape) : constant(value));
  }
  const found = importGraph(new OnnxFile(bytes, name), given, [...outputs().keys()]);
  const program = closeProgram(found.outputs);
  const compiled = await engine.compile(program);
  const into = Object.fromEntries([...program.outputs].map(([port, t]) => [port, engine.empty(t.dtype, t.shape)]));
  const fed = Object.entries(feeds).map(([port, { dtype, shape, data }]) => [
    port,
    engine.tensor(dtype, shape, Float32Array.from(data as Float32Array)),
  ]);
  await compiled.run(Object.fromEntries(fed), into);
  const read = Object.entries(into).map(
    async ([port, t]) => [port, { dtype: t.dtype, shape: t.shape, data: (await t.read()).slice() }] as const,
  );
  const values = new Map(await Promise.all(read));
  await compiled.dispose();
  return values as Map<string, NdArray>;
}

function expectEqual(got: NdArray, wanted: NdArray): void {
  expect(got.shape).toEqual(wanted.shape);
  wanted.data.forEach((value, i) => {
    const [a, b] = [Number(got.data[i]), Number(value)];
    if (Object.is(a, b) || a === b) return;
    expect(Math.abs(a - b), `element ${i}: ${a}, not ${b}`).toBeLessThan(1e-5 * (1 + Math.abs(b)));
  });
}

const folder = ONNX_TESTS.find();
const cases = folder ? onnxCases(folder) : [];
/** All operators are known, and all values. */
const readable = cases.filter(
  ({ name, operators }) => operators.every((key) => Object.hasOwn(RULES, key)) && !OTHER_VALUES.test(name),
);
const refusal = ({ name }: OnnxCase) => REFUSED.find((one) => one.cases.test(name));

describe.skipIf(!folder)("the ONNX project's tests of operators", () => {
  it.each(readable.filter((one) => !refusal(one)))('$name', async (one) => {
    const values = await computed(one);
    for (const [port, wanted] of one.outputs())
      expectEqual(values.get(port)!, { ...wanted, data: AS_IT_RUNS[one.name] ?? wanted.data } as NdArray);
  });

  it.each(readable.filter(refusal))('$name is refused in so many words', async (one) => {
    await expect(computed(one)).rejects.toThrow(refusal(one)!.because);
  });

  it('are there', () => {
    // 507 in ONNX 1.12, more in later ones.
    expect(readable.filter((one) => !refusal(one)).length).toBeGreaterThan(490);
  });
});

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { input } from '../../src/graph/build.ts';
import { UserError } from '../../src/graph/errors.ts';
import {
  AttributeProto_AttributeType as Type,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
} from '../../src/onnx/generated/onnx_pb.ts';
import { importGraph } from '../../src/onnx/import/importGraph.ts';
import { OnnxFile } from '../../src/onnx/import/onnxFile.ts';
import { RULES } from '../../src/onnx/import/rules/index.ts';
import { closeProgram } from '../../src/program/program.ts';
import { type Stream, stream } from '../../src/random/stream.ts';
import { float, floatTensor, intTensor, node, numbers, onnxBytes } from '../parity/onnxBuilder.ts';
import { run } from '../parity/onnxRun.ts';

const SHAPE = [1, 3, 8, 8];
const PIXELS = numbers(192);

/** Small networks that between them use most kinds of operators. */
export const SEEDS: readonly Uint8Array[] = [
  onnxBytes({
    nodes: [
      node('Conv', ['x', 'k', 'kb'], ['c'], { strides: [1, 1], pads: [1, 1, 1, 1], group: 1, kernel_shape: [3, 3] }),
      node('BatchNormalization', ['c', 'four', 'four', 'four', 'four'], ['n'], { epsilon: float(1e-5) }),
      node('Relu', ['n'], ['r']),
      node('MaxPool', ['r'], ['mp'], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 0 }),
      node('AveragePool', ['mp'], ['ap'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }),
      node('Sigmoid', ['ap'], ['s']),
      node('Mul', ['s', 'mp'], ['g']),
      node('Clip', ['g', 'zero', 'one'], ['cl']),
      node('Flatten', ['cl'], ['f'], { axis: 1 }),
      node('Gemm', ['f', 'w', 'wb'], ['logits'], { transB: 1, alpha: float(1), beta: float(1) }),
    ],
    weights: [
      floatTensor('k', [4, 3, 3, 3], numbers(108)),
      floatTensor('kb', [4], [1, 2, 3, 4]),
      floatTensor('four', [4], [1, 0.5, 2, 1]),
      floatTensor('zero', [], [0]),
      floatTensor('one', [], [1]),
      floatTensor('w', [5, 64], numbers(320)),
      floatTensor('wb', [5], numbers(5)),
    ],
    opset: 17,
  }),
  onnxBytes({
    nodes: [
      node('Reshape', ['x', 'to'], ['t0'], { allowzero: 0 }),
      node('Transpose', ['t0'], ['t'], { perm: [0, 2, 1] }),
      node('LayerNormalization', ['t', 'three', 'three'], ['ln'], { axis: -1, epsilon: float(1e-5) }),
      node('MatMul', ['ln', 'wq'], ['qk']),
      node('Split', ['qk', 'sizes'], ['q', 'k'], { axis: 2 }),
      node('Transpose', ['k'], ['kt'], { perm: [0, 2, 1] }),
      node('MatMul', ['q', 'kt'], ['a']),
      node('Softmax', ['a'], ['p'], { axis: -1 }),
      node('MatMul', ['p', 't'], ['v']),
      node('Add', ['v', 't'], ['res']),
      node('Gelu', ['res'], ['ge'], { approximate: 'none' }),
      node('ReduceMean', ['ge', 'axis1'], ['m'], { keepdims: 0 }),
      node('Slice', ['m', 'i0', 'i2', 'axis1'], ['sl']),
      node('Concat', ['m', 'sl'], ['cc'], { axis: 1 }),
      node('Min', ['cc', 'one'], ['mi']),
      node('Max', ['mi', 'minus'], ['ma']),
      node('Pow', ['ma', 'two'], ['pw']),
      node('Erf', ['pw'], ['er']),
      node('Sqrt', ['er'], ['logits']),
    ],
    weights: [
      intTensor('to', [0, 3, -1]),
      floatTensor('three', [3], [1, 0.5, 2]),
      floatTensor('wq', [3, 8], numbers(24)),
      intTensor('sizes', [4, 4]),
      intTensor('axis1', [1]),
      intTensor('i0', [0]),
      intTensor('i2', [2]),
      floatTensor('one', [], [1]),
      floatTensor('two', [], [2]),
      floatTensor('minus', [1], [-1]),
    ],
    opset: 20,
  }),
  onnxBytes({
    nodes: [
      node('Pad', ['x', 'pads', 'zero'], ['pd'], { mode: 'constant' }),
      node('Resize', ['pd', '', 'scales'], ['rs'], {
        mode: 'linear',
        coordinate_transformation_mode: 'half_pixel',
      }),
      node('Shape', ['rs'], ['sh']),
      node('Gather', ['sh', 'i0'], ['b'], { axis: 0 }),
      node('Concat', ['b', 'rest'], ['target'], { axis: 0 }),
      node('HardSigmoid', ['rs'], ['hs'], { alpha: float(0.2), beta: float(0.5) }),
      node('LeakyRelu', ['hs'], ['lr'], { alpha: float(0.1) }),
      node('Expand', ['lr', 'same'], ['ex']),
      node('GlobalAveragePool', ['ex'], ['gp']),
      node('Reshape', ['gp', 'target'], ['fl']),
      node('Greater', ['fl', 'zero'], ['gt']),
      node('Where', ['gt', 'fl', 'zero'], ['wh']),
      node('Cast', ['wh'], ['ca'], { to: 1 }),
      node('Unsqueeze', ['ca', 'i0'], ['un']),
      node('Squeeze', ['un', 'i0'], ['sq']),
      node('ReduceSum', ['sq', 'i1'], ['su'], { keepdims: 1, noop_with_empty_axes: 0 }),
      node('Div', ['sq', 'su'], ['logits']),
    ],
    weights: [
      intTensor('pads', [0, 0, 1, 1, 0, 0, 1, 1]),
      floatTensor('zero', [], [0]),
      floatTensor('scales', [4], [1, 1, 2, 2]),
      intTensor('i0', [0]),
      intTensor('i1', [1]),
      intTensor('rest', [3]),
      intTensor('same', [1, 1, 1, 1]),
    ],
    opset: 17,
  }),
];

type Change = (model: ModelProto, random: Stream) => string;

const pick = <T>(list: readonly T[], random: Stream): T => list[random.below(list.length)]!;

/** All names of values that a node may read. */
function names({ graph }: ModelProto): string[] {
  return ['x', ...graph!.initializer.map(({ name }) => name!), ...graph!.node.flatMap(({ output }) => output)];
}

const onNode =
  (change: (node: NodeProto, random: Stream, model: ModelProto) => string): Change =>
  (model, random) => {
    const one = pick(model.graph!.node, random);
    return `${one.opType} ${one.name}: ${change(one, random, model)}`;
  };

const OPERATORS = Object.keys(RULES).filter((key) => !key.includes('::'));
const WHOLE = [-2n, -1n, 0n, 1n, 2n, 3n, 7n, 2n ** 31n, 2n ** 60n];

const CHANGES: readonly Change[] = [
  onNode((one, random, model) => {
    one.input.push(pick(names(model), random));
    return `one more input ${one.input.at(-1)}`;
  }),
  onNode((one, random) => {
    const [gone] = one.input.splice(random.below(Math.max(1, one.input.length)), 1);
    return `without input ${gone}`;
  }),
  onNode((one, random, model) => {
    const at = random.below(Math.max(1, one.input.length));
    one.input[at] = random.below(5) > 0 ? pick(names(model), random) : '';
    return `input ${at} is "${one.input[at]}"`;
  }),
  onNode((one, random) => {
    one.opType = pick(OPERATORS, random);
    return `is ${one.opType}`;
  }),
  onNode((one, random) => {
    one.opType = pick(OPERATORS, random);
    one.attribute = [];
    return `is ${one.opType} without attributes`;
  }),
  onNode((one, random) => {
    const attr = one.attribute.length > 0 ? pick(one.attribute, random) : undefined;
    if (!attr) return 'unchanged';
    if (attr.ints.length > 0) attr.ints[random.below(attr.ints.length)] = pick(WHOLE, random);
    else if (attr.type === Type.INT) attr.i = pick(WHOLE, random);
    else if (attr.type === Type.FLOAT) attr.f = pick([0, -1, 0.3, 1e-9], random);
    else attr.s = new TextEncoder().encode(pick(['', 'none', 'tanh', 'nearest', 'reflect', 'edge', 'cubic'], random));
    return `${attr.name} changed`;
  }),
  onNode((one, random) => {
    const [gone] = one.attribute.splice(random.below(Math.max(1, one.attribute.length)), 1);
    return `without ${gone?.name}`;
  }),
  onNode((one, random) => {
    const attr = one.attribute.length > 0 ? pick(one.attribute, random) : undefined;
    if (attr) attr.name = pick(['axis', 'alpha', 'keepdims', 'axes', 'made_up'], random);
    return `an attribute is called ${attr?.name}`;
  }),
  onNode((one) => {
    one.output.push('more');
    return 'one more output';
  }),
  (model, random) => {
    const weight = pick(model.graph!.initializer, random);
    if (weight.dims.length > 0) weight.dims[random.below(weight.dims.length)] = pick(WHOLE, random);
    return `${weight.name} [${weight.dims}]`;
  },
  (model, random) => {
    const weight = pick(model.graph!.initializer, random);
    if (weight.int64Data.length > 0) weight.int64Data[random.below(weight.int64Data.length)] = pick(WHOLE, random);
    return `${weight.name} = ${weight.int64Data}`;
  },
  (model, random) => {
    const { node: nodes } = model.graph!;
    const [gone] = nodes.splice(random.below(nodes.length), 1);
    return `without node ${gone!.name}`;
  },
  (model, random) => {
    model.opsetImport[0]!.version = pick([11n, 12n, 13n, 16n, 17n, 18n, 20n, 21n], random);
    return `opset ${model.opsetImport[0]!.version}`;
  },
];

/** Number `number` of the mutants of a seed, and what was done to it. */
export function mutant(seed: number, number: number): { bytes: Uint8Array; done: string } {
  const random = stream('onnx mutants', seed, number);
  const model = fromBinary(ModelProtoSchema, SEEDS[number % SEEDS.length]!);
  const done = Array.from({ length: 1 + random.below(2) }, () => pick(CHANGES, random)(model, random));
  prune(model);
  return { bytes: toBinary(ModelProtoSchema, model), done: done.join('; ') };
}

/**
 * ONNX Runtime checks nodes that nothing needs too, and then leaves them out; we do not look at them. An empty name at the end of
 * a LayerNormalization's inputs ends its process (1.30), so none is left there.
 */
function prune({ graph }: ModelProto): void {
  const needed = new Set(['logits']);
  const used = new Set<NodeProto>();
  for (let before = -1; used.size > before; ) {
    before = used.size;
    for (const one of graph!.node)
      if (one.output.some((name) => needed.has(name))) {
        used.add(one);
        for (const name of one.input) needed.add(name);
      }
  }
  graph!.node = graph!.node.filter((one) => used.has(one));
  for (const { input: inputs } of graph!.node) while (inputs.at(-1) === '') inputs.pop();
}

export type Verdict = 'refused' | 'same' | 'lenient' | 'differs' | 'crashed';

/** What we make of a file beside what ONNX Runtime itself makes of it, which is asked only where we read it. */
export async function verdictOf(bytes: Uint8Array): Promise<{ verdict: Verdict; why: string }> {
  let ours: Float32Array;
  try {
    const port = input('pixels', SHAPE);
    const { outputs } = importGraph(new OnnxFile(bytes, 'file.onnx'), new Map([['x', port]]), ['logits']);
    ours = (await run(closeProgram({ logits: outputs.get('logits')! }), PIXELS)).get('logits')!;
  } catch (error) {
    if (error instanceof UserError) return { verdict: 'refused', why: error.message };
    // A division of whole numbers by zero, say, ends both runs.
    const both = await ownLogits(bytes).then(
      () => false,
      () => (error as Error).message.includes('Non-zero status code'),
    );
    return { verdict: both ? 'refused' : 'crashed', why: String((error as Error).stack) };
  }
  try {
    const own = await ownLogits(bytes);
    const largest = Math.max(1, ...own.filter(Number.isFinite).map(Math.abs));
    const near = (a: number, b: number) => Object.is(a, b) || a === b || Math.abs(a - b) < 1e-4 * largest;
    const equal = own.length === ours.length && own.every((x, i) => near(x, ours[i]!));
    return equal
      ? { verdict: 'same', why: '' }
      : { verdict: 'differs', why: `${[...ours].slice(0, 6)} | ${own.slice(0, 6)}` };
  } catch (error) {
    return { verdict: 'lenient', why: (error as Error).message };
  }
}

async function ownLogits(bytes: Uint8Array): Promise<number[]> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  try {
    const { logits } = await session.run({ x: new OrtTensor('float32', PIXELS, SHAPE) });
    return Array.from(logits!.data as Float32Array, Number);
  } finally {
    await session.release();
  }
}

/** Mutants of a seed, judged; faults are those that we read otherwise than ONNX Runtime, or stumble over. */
export async function compareMutants({ files, seed }: { readonly files: number; readonly seed: number }) {
  const tally: Record<Verdict, number> = { refused: 0, same: 0, lenient: 0, differs: 0, crashed: 0 };
  const faults: string[] = [];
  for (let number = 0; number < files; number++) {
    const { bytes, done } = mutant(seed, number);
    const { verdict, why } = await verdictOf(bytes);
    tally[verdict]++;
    if (verdict !== 'refused' && verdict !== 'same')
      faults.push(`seed ${seed}, number ${number}, ${verdict}: ${done}: ${why.slice(0, 500)}`);
  }
  return { tally, faults };
}

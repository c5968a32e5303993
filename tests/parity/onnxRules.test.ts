// Long because it is one table: a row for every operator that can be imported.
import { describe, expect, it } from 'vitest';
import { ort } from '../../src/engine/onnxRuntimeNode.ts';
import { RULES } from '../../src/onnx/import/rules/index.ts';
import {
  type Attribute,
  byteTensor,
  float,
  floatTensor,
  intTensor,
  node,
  type NodeInit,
  numbers,
  onnxBytes,
  type TensorInit,
} from './onnxBuilder.ts';
import { agree, imported } from './onnxRun.ts';

/** From `x` [2,3,8,8] to `y`, which is flattened to the logits. */
interface Row {
  readonly name: string;
  readonly nodes: NodeInit[];
  readonly weights?: TensorInit[];
  readonly opset?: number;
}

const row = (name: string, nodes: NodeInit[], weights: TensorInit[] = [], opset = 17): Row => ({
  name,
  nodes,
  weights,
  opset,
});
/** One operator on `x`, whose other inputs are weights in their order. */
const one = (op: string, attributes: Record<string, Attribute> = {}, weights: TensorInit[] = [], opset = 17): Row =>
  row(
    `${op} ${JSON.stringify(attributes)} ${weights.map(({ name }) => name)} opset ${opset}`,
    [node(op, ['x', ...weights.map(({ name }) => name!)], ['y'], attributes)],
    weights,
    opset,
  );

const unary = [
  'Abs',
  'Neg',
  'Exp',
  'Tanh',
  'Sigmoid',
  'Softplus',
  'Relu',
  'Erf',
  'Floor',
  'Ceil',
  'Round',
  'Sign',
  'Sin',
  'Cos',
  'HardSwish',
  'Softsign',
  'Selu',
  'Identity',
  'Dropout',
];
const w = (name: string, dims: number[], phase = 1) =>
  floatTensor(
    name,
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      1,
      phase,
    ),
  );
const positive = (name: string, dims: number[]) =>
  floatTensor(
    name,
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      0.4,
      5,
    ).map((v) => 1 + v),
  );
const kernel = w('w', [4, 3, 3, 3]);
const window = { kernel_shape: [3, 3] };

const POINTWISE = [
  ...unary.map((op) => one(op)),
  one('HardSigmoid'),
  one('HardSigmoid', { alpha: float(0.3), beta: float(0.4) }),
  one('LeakyRelu', { alpha: float(0.2) }),
  one('Elu', { alpha: float(0.7) }),
  one('Celu', { alpha: float(0.7) }),
  one('Clip', {}, [floatTensor('low', [], [-0.5]), floatTensor('high', [], [0.3])]),
  one('PRelu', {}, [w('slope', [3, 1, 1])]),
  one('Pow', {}, [floatTensor('two', [], [2])]),
  one('Pow', {}, [intTensor('three', [3], [])], 15),
  one('Gelu', {}, [], 20),
  one('Gelu', { approximate: 'tanh' }, [], 20),
  one('com.microsoft::FastGelu'),
  one('com.microsoft::QuickGelu', { alpha: float(1.5) }),
  one('com.microsoft::BiasGelu', {}, [w('bias', [8])]),
  row('Max of three', [node('Max', ['x', 'a', 'b'], ['y'])], [w('a', [8]), w('b', [3, 1, 1], 3)]),
  row(
    'Sum and Mean of several',
    [node('Sum', ['x', 'a', 'x'], ['s']), node('Mean', ['s', 'x', 'a'], ['y'])],
    [w('a', [8])],
  ),
  row('Where with a mask', [node('Less', ['x', 'a'], ['c']), node('Where', ['c', 'x', 'a'], ['y'])], [w('a', [8])]),
  row(
    'Xor and NaN',
    [
      node('Less', ['x', 'a'], ['c']),
      node('IsNaN', ['x'], ['n']),
      node('Xor', ['c', 'n'], ['d']),
      node('Where', ['d', 'x', 'a'], ['y']),
    ],
    [w('a', [8])],
  ),
  row(
    'casts',
    [
      node('Greater', ['x', 'a'], ['c']),
      node('Cast', ['c'], ['d'], { to: 1 }),
      node('CastLike', ['d', 'x'], ['e']),
      node('Mul', ['x', 'e'], ['y']),
    ],
    [w('a', [8])],
  ),
];

const SHAPES = [
  row(
    'a reshape whose shape is computed',
    [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'zero'], ['b'], { axis: 0 }),
      node('Unsqueeze', ['b', 'axis0'], ['b1']),
      node('Shape', ['x'], ['tail'], { start: 2, end: 4 }),
      node('ReduceProd', ['tail'], ['p'], { keepdims: 1 }),
      node('Concat', ['b1', 'minus', 'p'], ['target'], { axis: 0 }),
      node('Reshape', ['x', 'target'], ['r']),
      node('Transpose', ['r'], ['y'], { perm: [0, 2, 1] }),
    ],
    [intTensor('zero', [0], []), intTensor('axis0', [0]), intTensor('minus', [-1])],
  ),
  row(
    'ConstantOfShape, Range, Expand, Equal, Where, Cast, Mod',
    [
      node('Shape', ['x'], ['s']),
      node('Slice', ['s', 'i3', 'i4'], ['last']),
      node('Squeeze', ['last', 'i0'], ['n']),
      node('Range', ['zero', 'n', 'step'], ['r']),
      node('Mod', ['r', 'three'], ['m']),
      node('Equal', ['m', 'zero'], ['c']),
      node('ConstantOfShape', ['last'], ['ones'], { value: { tensor: floatTensor('', [1], [2.5]) } }),
      node('Cast', ['r'], ['rf'], { to: 1 }),
      node('Where', ['c', 'ones', 'rf'], ['scale']),
      node('Expand', ['scale', 's'], ['full']),
      node('Mul', ['x', 'full'], ['y']),
    ],
    [
      intTensor('i0', [0]),
      intTensor('i3', [3]),
      intTensor('i4', [4]),
      intTensor('zero', [0], []),
      intTensor('step', [1], []),
      intTensor('three', [3], []),
    ],
  ),
  row(
    'ScatterND, NonZero, Trilu, CumSum and EyeLike of constants',
    [
      node('ConstantOfShape', ['side'], ['z']),
      node('ScatterND', ['z', 'at', 'vals'], ['mask']),
      node('EyeLike', ['mask'], ['eye'], { k: 1 }),
      node('Trilu', ['mask'], ['tri'], { upper: 0 }),
      node('CumSum', ['tri', 'axis'], ['cum']),
      node('NonZero', ['mask'], ['nz']),
      node('ReduceMax', ['nz'], ['top'], { axes: [1], keepdims: 0 }),
      node('Cast', ['top'], ['topf'], { to: 1 }),
      node('ReduceSum', ['topf', 'i0'], ['t'], { keepdims: 0 }),
      node('Add', ['cum', 'eye'], ['k']),
      node('Mul', ['k', 't'], ['k2']),
      node('MatMul', ['x', 'k2'], ['y']),
    ],
    [
      intTensor('side', [8, 8]),
      intTensor('at', [1, 2, -1, 0, 3, 3], [3, 2]),
      floatTensor('vals', [3], [1, 2, 3]),
      intTensor('axis', [1], []),
      intTensor('i0', [0]),
    ],
  ),
  row(
    'Size and a division of whole numbers',
    [
      node('Size', ['x'], ['n']),
      node('Div', ['n', 'seven'], ['d']),
      node('Cast', ['d'], ['f'], { to: 1 }),
      node('Div', ['x', 'f'], ['y']),
    ],
    [intTensor('seven', [7], [])],
  ),
];

const MOVEMENT = [
  one('Flatten', { axis: -3 }),
  one('Reshape', {}, [intTensor('s', [0, -1, 8])]),
  one('Slice', {}, [
    intTensor('st', [7, -1]),
    intTensor('en', [-99, 0]),
    intTensor('ax', [-1, 2]),
    intTensor('sp', [-2, -1]),
  ]),
  one('Slice', {}, [
    intTensor('st', [1]),
    { name: 'en', dims: [1n], dataType: 7, int64Data: [9223372036854775807n] },
    intTensor('ax', [3]),
    intTensor('sp', [3]),
  ]),
  row(
    'a roll',
    [
      node('Slice', ['x', 'i3', 'i99', 'i2'], ['a']),
      node('Slice', ['x', 'i0', 'i3', 'i2'], ['b']),
      node('Concat', ['a', 'b'], ['y'], { axis: -2 }),
    ],
    [intTensor('i0', [0]), intTensor('i3', [3]), intTensor('i99', [99]), intTensor('i2', [2])],
  ),
  row(
    'Split by attribute',
    [node('Split', ['x'], ['a', 'b'], { axis: 3, split: [3, 5] }), node('Concat', ['b', 'a'], ['y'], { axis: 3 })],
    [],
    12,
  ),
  row(
    'Split by input',
    [node('Split', ['x', 's'], ['a', 'b'], { axis: -1 }), node('Concat', ['b', 'a'], ['y'], { axis: 3 })],
    [intTensor('s', [3, 5])],
  ),
  row(
    'Split evenly, uneven end',
    [
      node('Split', ['x'], ['a', 'b', 'c'], { axis: 3, num_outputs: 3 }),
      node('Concat', ['c', 'a', 'b'], ['y'], { axis: 3 }),
    ],
    [],
    18,
  ),
  one('Pad', {}, [intTensor('p', [0, 0, 1, -2, 0, 1, 0, 3])]),
  one('Pad', {}, [intTensor('p', [0, 0, 1, 2, 0, 0, 0, 3]), floatTensor('v', [], [0.7])]),
  one('Pad', { mode: 'reflect' }, [intTensor('p', [0, 0, 1, 2, 0, 0, 0, 3])]),
  one('Pad', { mode: 'edge' }, [intTensor('p', [0, 0, 1, 2, 0, 0, 0, 3])]),
  row(
    'Pad of two axes',
    [node('Pad', ['x', 'p', '', 'a'], ['y'])],
    [intTensor('p', [1, 2, 3, 0]), intTensor('a', [-1, 2])],
    18,
  ),
  one('Tile', {}, [intTensor('t', [1, 2, 1, 3])]),
  one('Gather', { axis: 3 }, [intTensor('i', [0, -1, 3, 3], [2, 2])]),
  row(
    'GatherND: places on the axes after the image',
    [
      node('Transpose', ['x'], ['t'], { perm: [1, 2, 3, 0] }),
      node('GatherND', ['t', 'i'], ['g']),
      node('Transpose', ['g'], ['y'], { perm: [3, 0, 1, 2] }),
    ],
    [intTensor('i', [0, 1, 2, -3, -1, 2, 1, 7], [2, 2, 2])],
  ),
  row(
    'GatherND batch_dims 1',
    [node('GatherND', ['x', 'i'], ['y'], { batch_dims: 1 })],
    [intTensor('i', [0, 1, 2, -1, 1, -8, 0, 0, 2, 7, 1, 3], [2, 3, 2])],
  ),
  one('GatherElements', { axis: 3 }, [
    intTensor(
      'i',
      Array.from({ length: 96 }, (_, i) => (i * 5) % 8),
      [2, 3, 8, 2],
    ),
  ]),
  row(
    'Squeeze and Unsqueeze by attribute',
    [node('Unsqueeze', ['x'], ['a'], { axes: [0, -1] }), node('Squeeze', ['a'], ['y'], { axes: [0] })],
    [],
    11,
  ),
  one('SpaceToDepth', { blocksize: 2 }),
  row(
    'DepthToSpace',
    [
      node('Tile', ['x', 't'], ['a']),
      node('DepthToSpace', ['a'], ['b'], { blocksize: 2 }),
      node('DepthToSpace', ['a'], ['c'], { blocksize: 2, mode: 'CRD' }),
      node('Sub', ['b', 'c'], ['y']),
    ],
    [intTensor('t', [1, 4, 1, 1])],
  ),
  row('Transpose without perm', [
    node('Transpose', ['x'], ['a']),
    node('Transpose', ['a'], ['y'], { perm: [3, 0, 2, 1] }),
  ]),
];

const REDUCTIONS = [
  ...[
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceSumSquare',
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSumExp',
  ].map((op) =>
    op === 'ReduceSum' ? one(op, { keepdims: 0 }, [intTensor('a', [2])]) : one(op, { axes: [-1, 1], keepdims: 1 }),
  ),
  one('ReduceMean', { keepdims: 0 }, [intTensor('a', [2, 3])], 18),
  row('ReduceLogSum', [node('Exp', ['x'], ['e']), node('ReduceLogSum', ['e'], ['y'], { axes: [1] })]),
  row(
    'nothing to reduce',
    [node('ReduceSum', ['x', 'a'], ['y'], { noop_with_empty_axes: 1 })],
    [{ name: 'a', dims: [0n], dataType: 7 }],
  ),
  one('GlobalAveragePool'),
  one('GlobalMaxPool'),
  one('Softmax', { axis: 2 }, [], 11),
  one('Softmax', {}, [], 11),
  one('Softmax', { axis: 2 }, [], 13),
  one('LogSoftmax', { axis: 1 }, [], 13),
  one('LpNormalization', { axis: 1 }),
  one('LpNormalization', { axis: 1, p: 1 }),
  ...[1, 2].map((p) =>
    row(`LpNormalization of zeros, p = ${p}`, [
      node('Sub', ['x', 'x'], ['z']),
      node('LpNormalization', ['z'], ['y'], { axis: 1, p }),
    ]),
  ),
];

const WINDOWS = [
  one('Conv', { pads: [1, 0, 2, 1], strides: [2, 1] }, [kernel, w('b', [4], 2)]),
  one('Conv', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, [kernel]),
  one('Conv', { auto_pad: 'SAME_LOWER', strides: [2, 2], kernel_shape: [2, 2] }, [w('w2', [4, 3, 2, 2])]),
  one('Conv', { auto_pad: 'VALID', dilations: [2, 1] }, [kernel]),
  one('Conv', { group: 3, dilations: [2, 3], pads: [2, 3, 2, 3] }, [w('g', [6, 1, 3, 3])]),
  one('ConvTranspose', { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }, [
    w('t', [3, 4, 3, 3]),
    w('b', [4], 2),
  ]),
  one('MaxPool', { ...window, strides: [2, 2], pads: [1, 1, 1, 1] }),
  one('MaxPool', { ...window, strides: [2, 2], ceil_mode: 1 }),
  one('AveragePool', { ...window, strides: [2, 2], pads: [1, 0, 1, 1] }),
  one('AveragePool', { ...window, strides: [2, 2], pads: [1, 0, 1, 1], count_include_pad: 1 }),
  one('AveragePool', { kernel_shape: [2, 2], strides: [3, 3], ceil_mode: 1 }),
  one('AveragePool', { ...window, auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  one('LRN', { size: 3, alpha: float(0.1) }),
];

const PRODUCTS = [
  one('MatMul', {}, [w('m', [8, 5])]),
  one('MatMul', {}, [w('v', [8])]),
  row(
    'Gemm',
    [
      node('Flatten', ['x'], ['f']),
      node('Gemm', ['f', 'm', 'c'], ['y'], { transB: 1, alpha: float(0.5), beta: float(2) }),
    ],
    [w('m', [5, 192]), w('c', [5], 2)],
  ),
  row(
    'Gemm of a transposed weight',
    [node('Flatten', ['x'], ['f']), node('Transpose', ['m'], ['t'], { perm: [1, 0] }), node('Gemm', ['f', 't'], ['y'])],
    [w('m', [5, 192])],
  ),
  row('Einsum of attention', [
    node('Einsum', ['x', 'x'], ['s'], { equation: 'bhid,bhjd->bhij' }),
    node('Einsum', ['s', 'x'], ['y'], { equation: 'b h i j, b h j d -> b i h d' }),
  ]),
  row(
    'Einsum that sums and broadcasts',
    [
      node('Einsum', ['x', 'm'], ['y'], { equation: 'bchw,cd->dbh' }),
      node('Transpose', ['y'], ['z'], { perm: [1, 0, 2] }),
    ],
    [w('m', [3, 4])],
  ),
  one('com.microsoft::FusedMatMul', { transB: 1, alpha: float(0.3) }, [w('m', [5, 8])]),
];

const channels = ['a', 'b', 'c'].map((name, i) => w(name, [3], i));
const NORMS = [
  one('BatchNormalization', { epsilon: float(0.01) }, [...channels, positive('v', [3])]),
  one('LayerNormalization', { axis: -1 }, [w('s', [8]), w('b', [8], 2)]),
  one('LayerNormalization', { axis: 2, epsilon: float(0.1) }, [w('s', [8, 8])]),
  one('InstanceNormalization', { epsilon: float(0.1) }, [channels[0]!, channels[1]!]),
  one('GroupNormalization', { num_groups: 3 }, [channels[0]!, channels[1]!], 21),
  row(
    'SkipLayerNormalization',
    [
      node('Reshape', ['x', 's'], ['r']),
      node('com.microsoft::SkipLayerNormalization', ['r', 'r', 'g', 'b'], ['n', '', '', 'sum'], {
        epsilon: float(0.01),
      }),
      node('Add', ['n', 'sum'], ['y']),
    ],
    [intTensor('s', [0, 24, 8]), w('g', [8]), w('b', [8], 2)],
  ),
];

const sizes = intTensor('sz', [2, 3, 13, 5]);
const RESIZE = [
  ['linear', 'half_pixel'],
  ['linear', 'align_corners'],
  ['cubic', 'pytorch_half_pixel'],
  ['nearest', 'asymmetric'],
].map(([mode, coordinate_transformation_mode]) =>
  row(
    `Resize ${mode} ${coordinate_transformation_mode}`,
    [
      node('Resize', ['x', '', '', 'sz'], ['y'], {
        mode: mode!,
        coordinate_transformation_mode: coordinate_transformation_mode!,
        ...(mode === 'nearest' ? { nearest_mode: 'floor' } : {}),
      }),
    ],
    [sizes],
  ),
);
const scaled = row(
  'Resize by scales',
  [node('Resize', ['x', '', 'sc'], ['y'], { mode: 'linear' })],
  [floatTensor('sc', [4], [1, 1, 1.6, 0.7])],
);

const bytes = (count: number, signed = false) =>
  Array.from(numbers(count), (v) => Math.round(v * 120) + (signed ? 0 : 128));
const QUANTISED = [
  row(
    'weights by channel',
    [node('DequantizeLinear', ['q', 's', 'z'], ['w'], { axis: 0 }), node('Conv', ['x', 'w'], ['y'])],
    [
      byteTensor('q', [4, 3, 3, 3], bytes(108, true), true),
      positive('s', [4]),
      byteTensor('z', [4], [0, 0, 0, 0], true),
    ],
  ),
  row(
    'activations',
    [node('QuantizeLinear', ['x', 's', 'z'], ['q']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])],
    [floatTensor('s', [], [0.0131]), byteTensor('z', [], [100])],
  ),
  row(
    'dynamic',
    [
      node('DynamicQuantizeLinear', ['x'], ['q', 'qs', 'qz']),
      node('MatMulInteger', ['q', 'm', 'qz', 'mz'], ['i']),
      node('Cast', ['i'], ['f'], { to: 1 }),
      node('Mul', ['qs', 'ms'], ['scale']),
      node('Mul', ['f', 'scale'], ['y']),
    ],
    [byteTensor('m', [8, 5], bytes(40)), byteTensor('mz', [], [121]), floatTensor('ms', [], [0.01])],
  ),
  row(
    'dynamic convolution',
    [
      node('DynamicQuantizeLinear', ['x'], ['q', 'qs', 'qz']),
      node('ConvInteger', ['q', 'k', 'qz', 'kz'], ['i'], { pads: [1, 1, 1, 1] }),
      node('Cast', ['i'], ['f'], { to: 1 }),
      node('Mul', ['f', 'qs'], ['y']),
    ],
    [byteTensor('k', [4, 3, 3, 3], bytes(108)), byteTensor('kz', [], [121])],
  ),
  row(
    'QLinearConv',
    [
      node('QuantizeLinear', ['x', 's', 'z'], ['q']),
      node('QLinearConv', ['q', 's', 'z', 'k', 'ks', 'kz', 'os', 'oz', 'bias'], ['o']),
      node('DequantizeLinear', ['o', 'os', 'oz'], ['y']),
    ],
    [
      floatTensor('s', [], [0.0131]),
      byteTensor('z', [], [100]),
      byteTensor('k', [4, 3, 3, 3], bytes(108, true), true),
      floatTensor('ks', [], [0.01]),
      byteTensor('kz', [], [0], true),
      floatTensor('os', [], [0.05]),
      byteTensor('oz', [], [120]),
      { name: 'bias', dims: [4n], dataType: 6, int32Data: [100, -200, 300, 0] },
    ],
  ),
];

/** ONNX Runtime's own operators on quantised tensors: `x` quantised, the operator, and the result in float. */
const ms = (op: string, more: string[], attributes: Record<string, Attribute> = {}, weights: TensorInit[] = []): Row =>
  row(
    `${op} ${JSON.stringify(attributes)} ${more}`,
    [
      node('QuantizeLinear', ['x', 's', 'z'], ['q']),
      node(
        `com.microsoft::${op}`,
        op === 'QLinearConcat' ? [...STEP, ...IMAGE, ...more] : [...IMAGE, ...more, ...STEP],
        ['o'],
        attributes,
      ),
      node('DequantizeLinear', ['o', ...STEP], ['y']),
    ],
    [
      floatTensor('s', [], [0.0131]),
      byteTensor('z', [], [100]),
      floatTensor('os', [], [0.0173]),
      byteTensor('oz', [], [120]),
      ...weights,
    ],
  );
const [IMAGE, STEP] = [
  ['q', 's', 'z'],
  ['os', 'oz'],
];
const OTHER = ['b', 'bs', 'bz'];
const other = [byteTensor('b', [3, 1, 8], bytes(24)), floatTensor('bs', [], [0.011]), byteTensor('bz', [], [90])];
const QUANTISED_OPERATORS: Row[] = [
  ms('QLinearAdd', OTHER, {}, other),
  ms('QLinearMul', OTHER, {}, other),
  ms('QLinearSigmoid', []),
  ms('QLinearLeakyRelu', [], { alpha: float(0.2) }),
  ms('QLinearAveragePool', [], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  ms('QLinearGlobalAveragePool', []),
  ms('QLinearConcat', IMAGE, { axis: 2 }),
  ...[0, 1].map((transB) =>
    row(
      `QGemm transB ${transB}`,
      [
        node('Flatten', ['x'], ['flat']),
        node('QuantizeLinear', ['flat', 's', 'z'], ['q']),
        node('com.microsoft::QGemm', ['q', 's', 'z', 'm', 'ms', 'mz', 'bias', ...(transB ? STEP : [])], ['o'], {
          transB,
          alpha: float(0.5),
        }),
        ...(transB ? [node('DequantizeLinear', ['o', ...STEP], ['y'])] : []),
      ],
      [
        floatTensor('s', [], [0.0131]),
        byteTensor('z', [], [100]),
        byteTensor('m', transB ? [4, 192] : [192, 4], bytes(768, true), true),
        floatTensor('ms', [4], [0.01, 0.02, 0.005, 0.015]),
        byteTensor('mz', [4], [0, 0, 0, 0], true),
        { name: 'bias', dims: [4n], dataType: 6, int32Data: [10000, -20000, 30000, 0] },
        floatTensor('os', [], [0.3]),
        byteTensor('oz', [], [120]),
      ],
    ),
  ),
];

/** ONNX Runtime takes the exponentials from a table of whole numbers: it may round to the next step. */
const TABLED = [ms('QLinearSoftmax', [], { axis: 1, opset: 13 }), ms('QLinearSoftmax', [], { axis: 2, opset: 11 })];

const ALL: readonly (readonly [string, readonly Row[], number])[] = [
  ['pointwise', POINTWISE, 1e-5],
  ['shapes', SHAPES, 1e-5],
  ['movement', MOVEMENT, 1e-6],
  ['reductions', REDUCTIONS, 1e-5],
  ['windows', WINDOWS, 1e-5],
  ['products', PRODUCTS, 1e-5],
  ['norms', NORMS, 1e-5],
  ['resize', [...RESIZE, scaled], 1e-5],
  ['quantised', QUANTISED, 1e-4],
  ['quantised operators', QUANTISED_OPERATORS, 1e-4],
  ['quantised operators by tables', TABLED, 0.0174],
];

const pixels = numbers(2 * 3 * 64, 1.3);

/** Rows whose weights hold the batch size: their files say so. */
const FIXED = /^(GatherElements|GatherND batch|Resize (linear|cubic|nearest))/;

/** What would end a file with probabilities, whose logits would be taken in their place: it is turned round, so that it stays what it is. */
const PROBABILITIES = /^(Sigmoid|Softmax) /;

describe.each(ALL)('%s against ONNX Runtime', (_, rows, tolerance) => {
  it.each(rows.map((one) => [one.name, one] as const))('%s', async (name, { nodes, weights = [], opset = 17 }) => {
    const last = nodes.at(-1)!.output![0]!;
    const turned = PROBABILITIES.test(name) ? [node('Neg', [last], ['turned'])] : [];
    const all = [...nodes, ...turned, node('Flatten', [turned.length > 0 ? 'turned' : last], ['logits'])];
    await agree(
      onnxBytes({ nodes: all, weights, opset, input: FIXED.test(name) ? [2, 3, 8, 8] : ['N', 3, 8, 8] }),
      [2, 3, 8, 8],
      { tolerance, pixels },
    );
  });
});

const SHORT = [intTensor('from', [0]), intTensor('to', [4]), intTensor('axis', [1])];

it.each([
  ['EyeLike of no matrix', [node('EyeLike', ['x'], ['logits'])], [], 'wanted a matrix, got [1,3,8,8]'],
  [
    'a pool without places',
    [node('Flatten', ['x'], ['f']), node('GlobalAveragePool', ['f'], ['logits'])],
    [],
    'got [1,192]',
  ],
  [
    'a slice with more steps than axes',
    [node('Slice', ['x', 'from', 'to', 'axis', 'steps'], ['s']), node('Flatten', ['s'], ['logits'])],
    [...SHORT, intTensor('steps', [1, 1])],
    'wanted as many starts, ends, axes and steps, got 1, 1, 1, 2',
  ],
  [
    "an operator of ONNX Runtime's own with an input too many",
    [node('Flatten', ['x'], ['f']), node('com.microsoft::Gelu', ['f', 'f'], ['logits'])],
    [],
    'wanted 1 inputs, got 2',
  ],
  [
    'a list of ratios to drop',
    [node('Dropout', ['x', 'ratios'], ['d']), node('Flatten', ['d'], ['logits'])],
    [floatTensor('ratios', [2], [0.5, 0.5])],
    'scalars, not [2]',
  ],
  [
    'a list of values to pad with',
    [node('Pad', ['x', 'pads', 'values'], ['p']), node('Flatten', ['p'], ['logits'])],
    [intTensor('pads', [0, 0, 1, 1, 0, 0, 1, 1]), floatTensor('values', [2], [1, 2])],
    'the padding value has 2 elements, not one',
  ],
  [
    'a truth value for logits',
    [node('Flatten', ['x'], ['f']), node('IsNaN', ['f'], ['logits'])],
    [],
    'wanted the output "logits" to be float, as the file declares it, got bool',
  ],
])('%s is refused, by ONNX Runtime too', async (_, nodes, weights, message) => {
  const bytes = onnxBytes({ nodes, weights, input: [1, 3, 8, 8], declared: [] });
  expect(() => imported(bytes)).toThrow(message);
  await expect(
    ort.InferenceSession.create(bytes, { logSeverityLevel: 4 }).then((session) =>
      session.run({ x: new ort.Tensor('float32', new Float32Array(192), [1, 3, 8, 8]) }),
    ),
  ).rejects.toThrow(/ShapeInferenceError|not in range|dimension|Type Error|Value tensor/);
});

it('every rule has a row here, or is Constant, or stands in the tests of whole files', () => {
  const used = new Set(
    ALL.flatMap(([, rows]) =>
      rows.flatMap(({ nodes }) => nodes.map(({ domain, opType }) => (domain ? `${domain}::${opType}` : opType))),
    ),
  );
  const elsewhere = [
    'Constant',
    'Add',
    'And',
    'Or',
    'Not',
    'GreaterOrEqual',
    'LessOrEqual',
    'Log',
    'Sqrt',
    'Reciprocal',
    'Min',
    'Mish',
    'ArgMax',
    'QLinearMatMul',
    'com.microsoft::Gelu',
    'com.microsoft::QuantizeLinear',
    'com.microsoft::DequantizeLinear',
  ];
  expect(
    Object.keys(RULES)
      .filter((op) => !used.has(op))
      .sort()
      .filter((op) => !elsewhere.includes(op)),
  ).toEqual([]);
});

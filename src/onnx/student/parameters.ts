import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import { sizeOf } from '../../graph/shape.ts';
import { type Init, ONES, type ParamSpec, TRUNCATED_02, ZEROS } from '../../nn/scope.ts';
import type { NodeProto, TensorProto } from '../generated/onnx_pb.ts';
import type { OnnxFile } from '../import/onnxFile.ts';
import { type Held, type Meeting, PRODUCTS, type Usage } from './usage.ts';

/** What a tensor of the file is to the network. */
type Part = 'product' | 'bias' | 'gain' | 'shift' | 'statistic' | 'constant';

/** Operands of normalisations and other layers with weights. */
const LAYERS: Readonly<Record<string, Readonly<Record<number, Part>>>> = {
  Conv: { 2: 'bias' },
  ConvTranspose: { 2: 'bias' },
  Gemm: { 2: 'bias' },
  BatchNormalization: { 1: 'gain', 2: 'shift', 3: 'statistic', 4: 'statistic' },
  LayerNormalization: { 1: 'gain', 2: 'shift' },
  InstanceNormalization: { 1: 'gain', 2: 'shift' },
  GroupNormalization: { 1: 'gain', 2: 'shift' },
  'com.microsoft::SkipLayerNormalization': { 2: 'gain', 3: 'shift', 4: 'shift' },
  PRelu: { 1: 'gain' },
};

/** Tokens that are joined to those of the image, tables that are looked up by constants. */
const SUMS: Readonly<Record<string, Part>> = { Add: 'shift', Sum: 'shift', Mul: 'gain', Concat: 'shift' };

/**
 * The float tensors of a file that are trained, by name, in the order of the file; running statistics are buffers.
 *
 * ONNX does not say what a weight is. Our choice: operands of products (with what is computed of them alone), biases, and what
 * normalisations scale and shift by are weights, whatever their size; so is what is added, multiplied or joined, where it has more than
 * one element and comes after the first layer with weights. What prepares the image, masks of attention (0 and a number of at most
 * -50), single factors and the operands of other operators (a division, a bound, a power) are constants, as are those named in
 * `constants`. A file without their values (see structure.ts) says which they are by that.
 */
export function parametersOf(file: OnnxFile, usage: Usage, constants: readonly string[] = []): Map<string, ParamSpec> {
  const { held } = usage;
  const unknown = constants.find((name) => !held.has(name));
  if (unknown !== undefined) throw unknownName(`float tensor of ${file.where}`, unknown, [...held.keys()]);
  const bare = [...held.values()].some(({ proto }) => isBare(proto));
  const found = [...held.values()].flatMap((one): [string, ParamSpec][] => {
    if (bare ? !isBare(one.proto) : constants.includes(one.name)) return [];
    const parts = usage.meetings(one.name).map((meeting) => [partOf(meeting, one, file), meeting] as const);
    const part = bare
      ? decisive(parts)
      : isMask(
            one,
            file,
            parts.map(([part]) => part),
          )
        ? undefined
        : decisive(parts);
    return part ? [[one.name, specOf(one, ...part)]] : [];
  });
  return new Map(found);
}

/** Whether its values were taken out. */
export function isBare({ dims, rawData, floatData, int32Data, doubleData, externalData }: TensorProto): boolean {
  const values = (rawData?.length ?? 0) + floatData.length + int32Data.length + doubleData.length + externalData.length;
  return values === 0 && dims.every((n) => n > 0n);
}

const shapeOf = ({ proto }: Held): number[] => proto.dims.map(Number);

function partOf({ key, slot, prepares }: Meeting, one: Held, file: OnnxFile): Part {
  if (PRODUCTS[key]?.includes(slot)) return 'product';
  const layer = LAYERS[key]?.[slot];
  if (layer) return layer;
  const several = sizeOf(shapeOf(one)) > 1;
  if (file.functions.has(key)) return several ? (shapeOf(one).length > 1 ? 'product' : 'shift') : 'constant';
  return several && !prepares ? (SUMS[key] ?? 'constant') : 'constant';
}

type Found = readonly (readonly [Part, Meeting])[];

/** Of several uses: that of a layer with weights before all others; else a constant wherever one must be one. */
function decisive(parts: Found): readonly [Part, Meeting] | undefined {
  const firm = parts.find(([, { key }]) => Object.hasOwn(PRODUCTS, key) || Object.hasOwn(LAYERS, key));
  if (firm && firm[0] !== 'constant') return firm;
  return parts.some(([part]) => part === 'constant') ? undefined : parts[0];
}

/** Added before a softmax where tokens must not see each other. */
function isMask({ proto }: Held, file: OnnxFile, parts: readonly Part[]): boolean {
  if (!parts.every((part) => part === 'shift')) return false;
  const data = Array.from(file.tensor(proto).data);
  const low = data.reduce((least, x) => Math.min(least, x), 0);
  return low <= -50 && data.every((x) => x === 0 || x === low);
}

function specOf(one: Held, part: Part, meeting: Meeting): ParamSpec {
  const shape = shapeOf(one);
  const wide = shape.filter((n) => n > 1).length > 1;
  const decay = part === 'product' && wide;
  const role = part === 'statistic' ? 'buffer' : 'param';
  return { name: one.name, shape, init: initOf(part, meeting, shape), role, decay };
}

/**
 * How it would begin anew. Our choice: products of normal numbers by their fan-in (He et al., arXiv 1502.01852), gains at 1,
 * shifts at 0, tokens and tables by timm's truncated normal.
 */
function initOf(part: Part, { key, node, slot }: Meeting, shape: readonly number[]): Init {
  if (part === 'product') return { kind: 'normal', std: Math.sqrt((key === 'Conv' ? 2 : 1) / fanIn(key, node, shape)) };
  if (part === 'gain' || (part === 'statistic' && slot === 4)) return ONES;
  return part === 'shift' && shape.filter((n) => n > 1).length > 1 ? TRUNCATED_02 : ZEROS;
}

function fanIn(key: string, node: NodeProto, shape: readonly number[]): number {
  if (key === 'Conv') return sizeOf(shape.slice(1));
  const turned = key === 'Gemm' && node.attribute.some(({ name, i }) => name === 'transB' && i === 1n);
  return (turned ? shape.at(-1) : shape.at(-2)) ?? sizeOf(shape);
}

/** @throws UserError for a name that the state of a run gives a meaning of its own. */
export function checkNames(where: string, names: Iterable<string>): void {
  for (const name of names)
    if (name === '' || name.startsWith('method.') || name.startsWith('__'))
      throw new UserError(
        `${where}: wanted names of weights that are not empty and begin with neither method. nor __, got "${name}"`,
      );
}

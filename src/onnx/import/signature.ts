import { BuildError } from '../../graph/errors.ts';
import { type AttributeProto, AttributeProto_AttributeType as Type, type NodeProto } from '../generated/onnx_pb.ts';
import { CONTRIB_TABLE } from './contribTable.ts';
import { OPERATOR_TABLE } from './generated/operatorTable.ts';

/*
 * What the ONNX standard says of an operator's inputs, outputs and attributes, checked once for all rules: what ONNX Runtime
 * would refuse is refused here, with the node and the reason.
 */

/** The standard's name of a type of elements (`float`, `int64`); undefined where it is not known. */
export type ElementType = string | undefined;

export function elementType(code: number | undefined): ElementType {
  return code === undefined ? undefined : NAMES[code];
}

/** By the standard's number, TensorProto.DataType; 0 is none. */
const NAMES: readonly ElementType[] = [
  undefined,
  ...'float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16'.split(
    ' ',
  ),
];

interface Signature {
  readonly inputs: readonly [number, number];
  readonly inputTypes: readonly string[];
  readonly optional: readonly boolean[];
  readonly outputs: readonly [number, number];
  readonly outputTypes: readonly string[];
  /** By name: a letter for the kind, and whether it must be there. */
  readonly attributes: ReadonlyMap<string, { readonly kind: string; readonly required: boolean }>;
  readonly variables: ReadonlyMap<string, readonly string[]>;
}

const KINDS: Readonly<Record<string, Type>> = {
  i: Type.INT,
  f: Type.FLOAT,
  s: Type.STRING,
  I: Type.INTS,
  F: Type.FLOATS,
  S: Type.STRINGS,
  t: Type.TENSOR,
  g: Type.GRAPH,
};

/** Attributes that are a yes or no. */
const FLAGS = new Set(
  'transA transB transBatchA transBatchB keepdims noop_with_empty_axes ceil_mode count_include_pad exclude_outside antialias training_mode fmod allowzero exclusive reverse select_last_index upper channels_last'.split(
    ' ',
  ),
);

/** ONNX Runtime has it in all operator sets, and its own optimiser writes it into older files. */
const OLDER: Readonly<Record<string, number>> = { LayerNormalization: 1 };

/**
 * Checks a node of the standard's own domain or of ONNX Runtime's; others are not in the tables. Gives the types of its outputs.
 * @throws BuildError with the reason
 */
export function checkSignature(
  key: string,
  node: NodeProto,
  opset: number,
  attributes: ReadonlyMap<string, AttributeProto>,
  inputs: readonly ElementType[],
): ElementType[] {
  const twice = node.attribute.find(({ name }, i) => node.attribute.findIndex((one) => one.name === name) !== i);
  if (twice) throw new BuildError(`the attribute ${twice.name} is there twice`);
  checkFlags(attributes);
  const signature = signatureOf(key, opset);
  if (!signature) return [];
  checkCount('inputs', node.input.length, signature.inputs);
  checkCount('outputs', node.output.length, signature.outputs);
  const missing = node.input.findIndex((name, i) => name === '' && !signature.optional[i]);
  if (missing >= 0) throw new BuildError(`input ${missing} is missing`);
  checkAttributes(signature, attributes);
  const bound = bindTypes(signature, inputs);
  return node.output.map((_, i) => outputType(signature, i, bound) ?? typeByAttribute(key, attributes));
}

const TABLE = { ...OPERATOR_TABLE, ...CONTRIB_TABLE };

const parsed = new Map<string, Signature>();

function signatureOf(key: string, opset: number): Signature | undefined {
  const versions = Object.hasOwn(TABLE, key) ? TABLE[key]! : undefined;
  if (!versions) return undefined;
  const row = versions.findLast(([since]) => (OLDER[key] ?? since) <= opset);
  if (!row) throw new BuildError(`it is in operator sets (opsets) from ${versions[0]![0]} on, the node's is ${opset}`);
  const [since, inputs, inputTypes, outputs, outputTypes, attributes, variables] = row;
  const found = parsed.get(`${key} ${since}`) ?? {
    inputs: range(inputs),
    inputTypes: words(inputTypes.replaceAll('?', '')),
    optional: words(inputTypes).map((type) => type.endsWith('?')),
    outputs: range(outputs),
    outputTypes: words(outputTypes.replaceAll('?', '')),
    attributes: new Map(words(attributes).map(attributeOf)),
    variables: new Map(words(variables).map(variableOf)),
  };
  parsed.set(`${key} ${since}`, found);
  return found;
}

const words = (text: string): string[] => (text === '' ? [] : text.split(' '));

function range(text: string): [number, number] {
  const [low = '', high = ''] = text.split('-');
  return [Number(low), high === '' ? Infinity : Number(high)];
}

function attributeOf(text: string): [string, { kind: string; required: boolean }] {
  const [name = '', kind = ''] = text.split(':');
  return [name, { kind: kind[0]!, required: kind.endsWith('!') }];
}

function variableOf(text: string): [string, string[]] {
  const [name = '', types = ''] = text.split('=');
  return [name, types.split(',')];
}

function checkCount(what: string, got: number, [low, high]: readonly [number, number]): void {
  if (got >= low && got <= high) return;
  const wanted = low === high ? String(low) : high === Infinity ? `${low} or more` : `${low} to ${high}`;
  throw new BuildError(`wanted ${wanted} ${what}, got ${got}`);
}

function checkFlags(attributes: ReadonlyMap<string, AttributeProto>): void {
  for (const [name, { i }] of attributes)
    if (FLAGS.has(name) && i !== undefined && i !== 0n && i !== 1n)
      throw new BuildError(`the attribute ${name} must be 0 or 1, got ${i}`);
}

function checkAttributes(signature: Signature, attributes: ReadonlyMap<string, AttributeProto>): void {
  for (const [name, { type }] of attributes) {
    const known = signature.attributes.get(name);
    if (!known) {
      const names = [...signature.attributes.keys()].join(', ');
      throw new BuildError(`it has no attribute ${name}${names === '' ? '' : `; its attributes are ${names}`}`);
    }
    const wanted = KINDS[known.kind];
    // Writers of the first format version left the type out.
    if (wanted !== undefined && type !== undefined && type !== Type.UNDEFINED && type !== wanted)
      throw new BuildError(`the attribute ${name} must be ${Type[wanted]}, got ${Type[type] ?? type}`);
  }
  for (const [name, { required }] of signature.attributes)
    if (required && !attributes.has(name)) throw new BuildError(`the attribute ${name} is missing`);
}

/** What the type variables stand for. One that stands for two types, or for one that the operator does not take, is refused. */
function bindTypes({ inputTypes, variables }: Signature, inputs: readonly ElementType[]): Map<string, string> {
  const bound = new Map<string, string>();
  inputs.forEach((type, i) => {
    // The last one is that of any number of further inputs.
    const name = inputTypes[Math.min(i, inputTypes.length - 1)];
    if (type === undefined || name === undefined || name === '*') return;
    const allowed = variables.get(name) ?? [name];
    if (!allowed.includes(type)) throw new BuildError(`input ${i} is ${type}; wanted ${allowed.join(', ')}`);
    const before = bound.get(name) ?? type;
    // Variables that are no types of one tensor each (lists of tensors of several types) are not in these operators.
    if (before !== type) throw new BuildError(`inputs of one type are wanted, got ${before} and ${type} (input ${i})`);
    bound.set(name, type);
  });
  return bound;
}

function outputType({ outputTypes, variables }: Signature, i: number, bound: ReadonlyMap<string, string>): ElementType {
  const name = outputTypes[Math.min(i, outputTypes.length - 1)];
  if (name === undefined) return undefined;
  const allowed = variables.get(name);
  if (!allowed) return name;
  return bound.get(name) ?? (allowed.length === 1 ? allowed[0] : undefined);
}

/** Types that an attribute says. */
function typeByAttribute(key: string, attributes: ReadonlyMap<string, AttributeProto>): ElementType {
  const [to, value] = [attributes.get('to'), attributes.get('value')];
  if (key === 'Cast') return elementType(Number(to?.i ?? 0n));
  if (key === 'ConstantOfShape') return value?.t ? elementType(value.t.dataType) : 'float';
  if (key === 'QuantizeLinear') return elementType(Number(attributes.get('output_dtype')?.i ?? 2n));
  if (key !== 'Constant') return undefined;
  if (value?.t) return elementType(value.t.dataType);
  if (attributes.has('value_int') || attributes.has('value_ints')) return 'int64';
  return attributes.has('value_float') || attributes.has('value_floats') ? 'float' : undefined;
}

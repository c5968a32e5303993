import type { ParamSpec } from '../../nn/scope.ts';
import type { NodeProto } from '../generated/onnx_pb.ts';
import { operatorKey } from '../import/onnxFile.ts';
import type { Usage } from './usage.ts';

/** The parameters that make the logits, with the axis of the classes, and what is told of the values after them. */
export interface Head {
  readonly axes: ReadonlyMap<string, number>;
  /** Values that have the classes as an extent. */
  readonly after: ReadonlySet<string>;
}

/** What stands between a classifier's last layer and the output of the file. */
const AFTER = new Set('Softmax LogSoftmax Sigmoid Identity Flatten Reshape Squeeze Cast Dropout'.split(' '));
/** Stand between a weight and the layer that uses it, and may turn it. */
const BEFORE = new Set(['Transpose', 'Identity', 'Cast']);

/** The last Gemm, MatMul or Conv on the way to an output, with the bias added after it; undefined where something else makes it. */
export function headOf(usage: Usage, output: string, parameters: ReadonlyMap<string, ParamSpec>): Head | undefined {
  const axes = new Map<string, number>();
  const after = new Set<string>();
  const add = (name: string | undefined, axis: number): boolean => {
    const found = name === undefined || name === '' ? undefined : behind(usage, name, axis, parameters);
    if (found) axes.set(...found);
    return found !== undefined;
  };
  let at = output;
  for (let node = usage.producers.get(at); node; node = usage.producers.get(at)) {
    after.add(at);
    const key = operatorKey(node.domain, node.opType);
    const live = node.input.filter((name) => usage.isLive(name));
    if (live.length !== 1) return undefined;
    const rest = node.input.find((name) => name !== live[0]);
    if (key === 'Gemm' || key === 'MatMul' || key === 'Conv') {
      if (node.input[0] !== live[0] || !add(node.input[1], classAxis(key, node, rank(usage, node, parameters))))
        return undefined;
      if (key === 'Gemm' && node.input[2]) add(node.input[2], -1);
      if (key === 'Conv' && node.input[2]) add(node.input[2], 0);
      return { axes: positive(axes, parameters), after };
    }
    if (key === 'Add') {
      if (!add(rest, -1)) return undefined;
    } else if (!AFTER.has(key) || node.input[0] !== live[0]) return undefined;
    at = live[0]!;
  }
  return undefined;
}

function classAxis(key: string, node: NodeProto, rank: number): number {
  if (key === 'Conv') return 0;
  const turned = node.attribute.some(({ name, i }) => name === 'transB' && i === 1n);
  return key === 'Gemm' && turned ? 0 : rank - 1;
}

const rank = (usage: Usage, node: NodeProto, parameters: ReadonlyMap<string, ParamSpec>): number => {
  const found = behind(usage, node.input[1] ?? '', 0, parameters);
  return found ? parameters.get(found[0])!.shape.length : 0;
};

/** The parameter that a value is, perhaps turned, and which of its axes becomes that axis of the value. */
function behind(
  usage: Usage,
  value: string,
  axis: number,
  parameters: ReadonlyMap<string, ParamSpec>,
): [string, number] | undefined {
  let [at, place] = [value, axis];
  for (;;) {
    if (parameters.has(at)) return [at, place];
    const node = usage.producers.get(at);
    if (!node || !BEFORE.has(node.opType ?? '')) return undefined;
    if (node.opType === 'Transpose') {
      const perm = node.attribute.find(({ name }) => name === 'perm')?.ints.map(Number) ?? [1, 0];
      place = perm[place < 0 ? place + perm.length : place]!;
    }
    at = node.input[0]!;
  }
}

const positive = (axes: ReadonlyMap<string, number>, parameters: ReadonlyMap<string, ParamSpec>): Map<string, number> =>
  new Map([...axes].map(([name, axis]) => [name, axis < 0 ? axis + parameters.get(name)!.shape.length : axis]));

import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { topologicalOrder } from '../../graph/walk.ts';
import { isFloat } from '../../ops/elementwise.ts';
import type { ParamSpec } from '../../nn/scope.ts';
import type { NodeProto } from '../generated/onnx_pb.ts';
import { operatorKey } from '../import/onnxFile.ts';
import type { Usage } from './usage.ts';

const QUANTISED = /quantize|Integer$|(^|::)Q(Linear|Gemm|Attention)/i;
const CONTROL = new Set(['If', 'Loop', 'Scan', 'SequenceMap']);

const titleOf = (node: NodeProto): string => node.name || node.output[0] || '';

/** Why a file cannot be trained, as far as its nodes and tensors tell. */
export function problemsOf(usage: Usage, parameters: ReadonlyMap<string, ParamSpec>): string[] {
  const found = new Map<string, string[]>();
  const add = (reason: string, name: string) => found.set(reason, [...(found.get(reason) ?? []), name]);
  for (const node of usage.needed) {
    const key = operatorKey(node.domain, node.opType, node.overload);
    if (QUANTISED.test(key)) add(`quantised operator ${key}`, titleOf(node));
    if (CONTROL.has(key)) add(`control flow: operator ${key}`, titleOf(node));
  }
  for (const { name, role } of parameters.values()) {
    const uses = usage.meetings(name);
    if (role !== 'buffer') continue;
    const nodes = new Set(uses.map(({ node }) => node));
    if (nodes.size > 1 || uses.some(({ key }) => key !== 'BatchNormalization'))
      add('running statistics that several nodes share, and each would change', name);
  }
  if (parameters.size === 0) add('no weights: no float tensor that a layer multiplies by', 'the graph');
  return [...found].map(([reason, names]) => `${reason}: ${listNames(names, 3)}`);
}

/**
 * Why gradients do not reach all weights, by the operators that have none.
 * @param parameters the weights as they stand in the graph of `outputs`
 */
export function gradientProblems(outputs: readonly Tensor[], parameters: ReadonlyMap<Tensor, string>): string[] {
  const order = topologicalOrder(outputs);
  // From the answer down: what a gradient comes to.
  const reached = new Set<Tensor>(outputs);
  for (const { op, inputs, outputs: made } of [...order].reverse())
    if (op.vjp !== 'none' && op.vjp !== 'zero' && made.some((t) => reached.has(t)))
      for (const t of inputs) if (t && isFloat(t.dtype)) reached.add(t);
  const seen = new Set(order.flatMap(({ outputs: made }) => made));
  const missed = [...parameters].filter(([t]) => seen.has(t) && !reached.has(t)).map(([, name]) => name);
  const depends = new Set<Tensor>(parameters.keys());
  const blocking = order.filter((node) => {
    const fed = node.inputs.some((t) => t && depends.has(t));
    if (fed) for (const t of node.outputs) depends.add(t);
    const needed = node.op.vjp === 'none' || (node.op.vjp === 'zero' && missed.length > 0);
    return fed && needed && node.outputs.some((t) => reached.has(t));
  });
  const operators = new Map<string, string[]>();
  for (const { op, label } of blocking) operators.set(op.name, [...(operators.get(op.name) ?? []), label]);
  const lines = [...operators].map(([name, labels]) => `operator without a gradient ${name}: ${listNames(labels, 3)}`);
  return missed.length > 0 ? [...lines, `weights that no gradient reaches: ${listNames(missed, 3)}`] : lines;
}

/** @throws UserError that lists all reasons at once. */
export function refuse(where: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new UserError(
    `${where}: wanted an ONNX network that can be trained, got ${problems.length === 1 ? 'one reason' : `${problems.length} reasons`} against it:\n  ${problems.join('\n  ')}\nExport the model in float32 for inference (model.eval()), without quantisation and control flow; it can be a teacher as it is where understudy inspect reads it`,
  );
}

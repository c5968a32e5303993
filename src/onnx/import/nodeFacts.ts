import type { AttributeProto, NodeProto, ValueInfoProto } from '../generated/onnx_pb.ts';
import type { Frame } from './frame.ts';
import { type ElementType, elementType } from './signature.ts';

export function typeOfPort({ type }: ValueInfoProto): ElementType {
  return type?.value.case === 'tensorType' ? elementType(type.value.value.elemType) : undefined;
}

export const titleOf = (node: NodeProto): string => node.name || node.output[0] || node.opType || 'a node';

export function opsetOf(imports: readonly { readonly domain?: string; readonly version?: bigint }[]): number {
  return Number(imports.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')?.version ?? 0n);
}

/** A node's attributes; inside a function some stand for the call's. */
export function boundAttributes(node: NodeProto, { bound }: Frame): Map<string, AttributeProto> {
  const found = new Map<string, AttributeProto>();
  for (const one of node.attribute) {
    const value = one.refAttrName ? bound.get(one.refAttrName) : one;
    if (value) found.set(one.name ?? '', value);
  }
  return found;
}

/** An optional input that the call leaves out is left out of the function's nodes too. */
export function withoutMissing(
  node: NodeProto,
  names: readonly string[],
  given: ReadonlyMap<string, unknown>,
): NodeProto {
  const missing = (name: string) => names.includes(name) && !given.has(name);
  return node.input.some(missing) ? { ...node, input: node.input.map((name) => (missing(name) ? '' : name)) } : node;
}

import { internal } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';

/** A vector of parameters that the optimiser treats alike. */
export interface OptimParam {
  readonly name: string;
  readonly value: Tensor;
  /** Whether weight decay acts on it. */
  readonly decay: boolean;
  /** What `Transform.apart` chose. */
  readonly apart?: boolean;
  /** The parameters that lie in it, one after the other; left out: it is one parameter. */
  readonly parts?: readonly OptimPart[];
}

export interface OptimPart {
  /** PyTorch name. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly shape: readonly number[];
}

export function partsOf({ name, value, parts }: OptimParam): readonly OptimPart[] {
  return parts ?? [{ name, offset: 0, size: sizeOf(value.shape), shape: value.shape }];
}

/** State of the optimiser for one parameter vector; it starts at zero. */
export interface SlotSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Clock {
  /** 1 at the first update. */
  readonly step: number;
  readonly lr: number;
}

/** What an update gives: what to add to the parameters, and the slots after it. */
export interface Updated {
  readonly updates: readonly Tensor[];
  readonly slots: ReadonlyMap<string, Tensor>;
}

/**
 * An optimiser or a part of one, in optax's shape, symbolic: it is built into the step once and never recompiled. Numbers
 * that change with the step (learning rate, bias corrections) are computed on the host in float64 and fed as scalars.
 */
export interface Transform {
  /** Which of the parameters that decay are to lie in a vector of their own. Default: none. */
  apart?(param: { readonly name: string; readonly shape: readonly number[] }): boolean;
  slots(params: readonly OptimParam[]): readonly SlotSpec[];
  scalars(clock: Clock): Readonly<Record<string, number>>;
  update(
    gradients: readonly Tensor[],
    params: readonly OptimParam[],
    slots: ReadonlyMap<string, Tensor>,
    scalars: Readonly<Record<string, Tensor>>,
  ): Updated;
}

/** The parts' scalars together; two of one name would feed one part with the other's number. */
function joinScalars(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const joined: Record<string, number> = {};
  for (const [name, value] of all.flatMap((scalars) => Object.entries(scalars))) {
    if (name in joined) throw internal(`chain: two transforms have a scalar called ${name}`);
    joined[name] = value;
  }
  return joined;
}

/** Transforms one after the other, each acting on the updates of the one before it. */
export function chain(...parts: readonly Transform[]): Transform {
  return {
    apart: (param) => parts.some((part) => part.apart?.(param) ?? false),
    slots: (params) => parts.flatMap((part) => part.slots(params)),
    scalars: (clock) => joinScalars(parts.map((part) => part.scalars(clock))),
    update: (gradients, params, slots, scalars) => {
      let updates = gradients;
      const after = new Map<string, Tensor>();
      for (const part of parts) {
        const result = part.update(updates, params, slots, scalars);
        updates = result.updates;
        for (const [name, value] of result.slots) after.set(name, value);
      }
      return { updates, slots: after };
    },
  };
}

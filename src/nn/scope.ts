import { input } from '../graph/build.ts';
import { internal } from '../graph/errors.ts';
import { withLabel } from '../graph/scope.ts';
import type { Tensor } from '../graph/tensor.ts';
import { cast } from '../ops/elementwise.ts';

/** How a parameter begins. `truncatedNormal` is cut at two standard deviations' worth of +-2 absolute units as timm's is. */
export type Init =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'truncatedNormal'; readonly std: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  /** A matrix with orthonormal columns, or rows where it has fewer of them, every such matrix equally likely. */
  | { readonly kind: 'orthonormal' }
  | { readonly kind: 'values'; readonly values: readonly number[] }
  /**
   * Of a teacher's feature, by the name of its port: what a stage measures on so many images before its first step. scalarDeviation:
   * the root of the mean variance of the channels. Where nothing measures: 0 for the mean, 1 for the deviation.
   */
  | {
      readonly kind: 'measured';
      readonly feature: string;
      readonly statistic: 'mean' | 'deviation' | 'scalarDeviation';
      readonly images: number;
    };

export interface ParamSpec {
  /** PyTorch/timm name: `blocks.3.attn.qkv.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Init;
  /**
   * `param` is trained; `buffer` is a part of the network that the forward pass updates (running statistics); `state` is what a method
   * remembers from step to step or has measured: it is saved, and neither trained, averaged nor exported.
   */
  readonly role: 'param' | 'buffer' | 'state';
  /** Whether weight decay acts on it: not on norms, biases, tokens and position embeddings. */
  readonly decay: boolean;
  /** What a training step keeps it to, after the optimiser's update (program/kept.ts). Default: it may be anything. */
  readonly kept?: 'orthonormal';
}

/**
 * A 0/1 mask that the host draws anew for each step (nn/noise.ts). `bernoulli`: each element is 1 with probability `keep`.
 * `exactCount`: each row along the last axis has exactly `ones` ones, every choice of places equally likely.
 */
export type NoiseSpec = { readonly name: string; readonly shape: readonly number[] } & (
  | { readonly kind: 'bernoulli'; readonly keep: number }
  | { readonly kind: 'exactCount'; readonly ones: number }
);

/** A number that is another one in each epoch, which the host feeds. */
export interface ScheduledSpec {
  readonly name: string;
  /** Its value in an epoch of the stage, counted from 0, of which there are `epochs`. */
  readonly at: (epoch: number, epochs: number) => number;
}

/** Where the tensors of a build come from. A program provides slices of its state, an export constants, a test plain inputs. */
export interface Store {
  param(spec: ParamSpec): Tensor;
  noise(spec: NoiseSpec): Tensor;
  scheduled(spec: ScheduledSpec): Tensor;
  update(name: string, value: Tensor): void;
}

/** What a layer is given: its place in the model, from which its parameters, noise and node labels take their names. */
export class Scope {
  readonly path: string;
  readonly training: boolean;
  readonly #store: Store;

  constructor(store: Store, training: boolean, path = '') {
    this.#store = store;
    this.training = training;
    this.path = path;
  }

  /** Builds a part under a name: parameters become `path.name.*` and so do the labels of the nodes. */
  in<T>(name: string, build: (scope: Scope) => T): T {
    const inner = new Scope(this.#store, this.training, this.#join(name));
    return withLabel(inner.path, () => build(inner));
  }

  /** The same place in evaluation mode: no noise, BatchNorm by its running statistics, which stay as they are. */
  evaluating(): Scope {
    return new Scope(this.#store, false, this.path);
  }

  /** A scope in which the same part may be built twice: the second build gets the tensors of the first. */
  remembering(): Scope {
    return new Scope(remembering(this.#store), this.training, this.path);
  }

  /** A scope whose parameters begin as `init` says in place of what their layers say. */
  beginning(init: (spec: ParamSpec) => Init): Scope {
    const store = this.#store;
    const changed: Store = {
      param: (spec) => store.param({ ...spec, init: init(spec) }),
      noise: (spec) => store.noise(spec),
      scheduled: (spec) => store.scheduled(spec),
      update: (name, value) => store.update(name, value),
    };
    return new Scope(changed, this.training, this.path);
  }

  param(name: string, shape: readonly number[], init: Init, decay = shape.length > 1): Tensor {
    return this.#store.param({ name: this.#join(name), shape, init, role: 'param', decay });
  }

  /** A matrix that is trained and whose columns (or rows, where they are fewer) stay orthonormal; it does not decay. */
  orthonormal(name: string, shape: readonly [rows: number, columns: number]): Tensor {
    const spec = { name: this.#join(name), shape, init: ORTHONORMAL, role: 'param', decay: false } as const;
    return this.#store.param({ ...spec, kept: 'orthonormal' });
  }

  buffer(name: string, shape: readonly number[], init: Init): Tensor {
    return this.#store.param({ name: this.#join(name), shape, init, role: 'buffer', decay: false });
  }

  /** What a method remembers; without an update it stays. */
  state(name: string, shape: readonly number[], init: Init): Tensor {
    return this.#store.param({ name: this.#join(name), shape, init, role: 'state', decay: false });
  }

  /** The value of a buffer or a state after this step. */
  update(name: string, value: Tensor): void {
    this.#store.update(this.#join(name), value);
  }

  /** A 0/1 float mask of the host's; each element is 1 with probability `keep`. Only while training. */
  noise(name: string, shape: readonly number[], keep: number): Tensor {
    return this.#draw({ kind: 'bernoulli', name, shape, keep });
  }

  /** A 0/1 float mask of the host's with exactly `ones` ones in each row along the last axis. Only while training. */
  exactMask(name: string, shape: readonly number[], ones: number): Tensor {
    return this.#draw({ kind: 'exactCount', name, shape, ones });
  }

  /** A scalar of the host's that changes with the epoch. */
  scheduled(name: string, at: ScheduledSpec['at']): Tensor {
    return this.#store.scheduled({ name: this.#join(name), at });
  }

  #draw(spec: NoiseSpec): Tensor {
    if (!this.training) throw internal(`${this.path}: noise outside training`);
    return this.#store.noise({ ...spec, name: this.#join(spec.name) });
  }

  #join(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

function remembering(store: Store): Store {
  const made = new Map<string, Tensor>();
  const once = (name: string, make: () => Tensor): Tensor => {
    const tensor = made.get(name) ?? make();
    made.set(name, tensor);
    return tensor;
  };
  return {
    param: (spec) => once(spec.name, () => store.param(spec)),
    noise: (spec) => once(`noise.${spec.name}`, () => store.noise(spec)),
    scheduled: (spec) => once(`scheduled.${spec.name}`, () => store.scheduled(spec)),
    update: (name, value) => store.update(name, value),
  };
}

/** Everything that a build asked for, in order. */
export interface Collected {
  readonly params: Map<string, ParamSpec>;
  readonly noises: Map<string, NoiseSpec>;
  readonly schedules: Map<string, ScheduledSpec>;
  readonly updates: Map<string, Tensor>;
}

/** A store that gives plain input ports under the parameters' own names (after `prefix`) and remembers what was asked for. */
export function inputStore(prefix = '', provide?: (spec: ParamSpec) => Tensor | undefined): Store & Collected {
  const [params, noises, schedules, updates] = [
    new Map<string, ParamSpec>(),
    new Map<string, NoiseSpec>(),
    new Map<string, ScheduledSpec>(),
    new Map<string, Tensor>(),
  ];
  const made = new Map<string, Tensor>();
  return {
    params,
    noises,
    schedules,
    updates,
    param: (spec) => {
      if (made.has(spec.name)) throw internal(`parameter ${spec.name} is declared twice`);
      const tensor = provide?.(spec) ?? input(`${prefix}${spec.name}`, spec.shape);
      params.set(spec.name, spec);
      made.set(spec.name, tensor);
      return tensor;
    },
    noise: (spec) => {
      noises.set(spec.name, spec);
      return cast(input(`noise.${spec.name}`, spec.shape, 'uint8'), 'float32');
    },
    scheduled: (spec) => {
      schedules.set(spec.name, spec);
      return input(`scalar.${spec.name}`, []);
    },
    update: (name, value) => void updates.set(name, value),
  };
}

export const ZEROS: Init = { kind: 'constant', value: 0 };
export const ONES: Init = { kind: 'constant', value: 1 };
export const ORTHONORMAL: Init = { kind: 'orthonormal' };
/** timm's default for Vision Transformers. */
export const TRUNCATED_02: Init = { kind: 'truncatedNormal', std: 0.02 };

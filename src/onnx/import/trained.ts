import { BuildError } from '../../graph/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { inputStore, type ParamSpec, Scope } from '../../nn/scope.ts';

/** What an import takes in place of the file's own weights, where the network is trained. */
export interface TrainedWeights {
  /** By the name of the value in the file; undefined for one that stays a constant. */
  tensor(name: string): Tensor | undefined;
  /** Undefined in evaluation. */
  readonly training: Training | undefined;
}

/** What a layer does while training beside computing its output. */
export interface Training {
  /** The value of a running statistic after this step. @throws BuildError where the tensor is no statistic of the file's own. */
  update(statistic: Tensor, value: Tensor): void;
  /** A 0/1 mask of the host's; each element is 1 with probability `keep`. */
  noise(shape: readonly number[], keep: number): Tensor;
}

/** Weights of a build under their names in the file. */
export function weightsIn(
  scope: Scope,
  parameters: ReadonlyMap<string, ParamSpec>,
): TrainedWeights & { readonly tensors: ReadonlyMap<string, Tensor> } {
  const tensors = new Map<string, Tensor>();
  const statistics = new Map<Tensor, string>();
  let masks = 0;
  const declared = ({ name, shape, init, role, decay }: ParamSpec): Tensor => {
    const made = role === 'buffer' ? scope.buffer(name, shape, init) : scope.param(name, shape, init, decay);
    if (role === 'buffer') statistics.set(made, name);
    tensors.set(name, made);
    return made;
  };
  return {
    tensors,
    tensor: (name) => {
      const spec = parameters.get(name);
      return spec && (tensors.get(name) ?? declared(spec));
    },
    training: scope.training
      ? {
          update: (statistic, value) => {
            const name = statistics.get(statistic);
            if (name === undefined)
              throw new BuildError('running statistics must be tensors of the file, not computed');
            scope.update(name, value);
          },
          noise: (shape, keep) => scope.noise(`dropout.${masks++}`, shape, keep),
        }
      : undefined,
  };
}

/** Plain inputs in place of the weights, for looking at shapes. */
export const lookedAt = (parameters: ReadonlyMap<string, ParamSpec>) =>
  weightsIn(new Scope(inputStore(), false), parameters);

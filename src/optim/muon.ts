import type { Tensor } from '../graph/tensor.ts';
import { add, div, maximum, mul, sqrt } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { concat, reshape, slice, transpose } from '../ops/movement.ts';
import { reduceSumSquare } from '../ops/reduce.ts';
import { type AdamwOptions, adamw } from './adamw.ts';
import { type OptimParam, partsOf, type Transform } from './transform.ts';

export interface MuonOptions extends AdamwOptions {
  /** Whether a parameter, by name, gives the classes. */
  readonly head: (name: string) => boolean;
}

const MOMENTUM = 0.95;
/** Of the polynomial, and how often: singular values from 0.01 on come between 0.7 and 1.2. */
const [LINEAR, CUBIC, QUINTIC] = [3.4445, -4.775, 2.0315];
const TIMES = 5;

/**
 * Muon (Jordan et al. 2024; PyTorch's torch.optim.Muon with adjust_lr_fn="match_rms_adamw"): the matrices of hidden layers move along
 * their momentum with all its singular values brought to about 1, by five steps of Newton and Schulz, at 0.2 sqrt(longer side) times the
 * learning rate, which makes their step as long as AdamW's (Liu et al., arXiv 2502.16982); Nesterov's momentum, decoupled weight decay.
 * All else (embeddings, convolutions, head, norms, biases) is AdamW's. Our choice: query, key and value are three matrices, as in its
 * authors' training runs; all in float32, where they take bfloat16.
 */
export function muon({ head, ...options }: MuonOptions): Transform {
  const others = adamw(options);
  const isOthers = ({ apart }: OptimParam) => !apart;
  return {
    apart: ({ name, shape }) => shape.length === 2 && shape.every((side) => side > 1) && !head(name),
    slots: (params) => [
      ...others.slots(params.filter(isOthers)),
      ...params.filter(({ apart }) => apart).map(({ name, value }) => ({ name: `m.${name}`, shape: value.shape })),
    ],
    scalars: (clock) => ({ ...others.scalars(clock), turn: -clock.lr }),
    update: (gradients, params, slots, scalars) => {
      const moved = others.update(
        gradients.filter((_, i) => isOthers(params[i]!)),
        params.filter(isOthers),
        slots,
        scalars,
      );
      const after = new Map(moved.slots);
      const left = [...moved.updates];
      const updates = params.map((param, i) => {
        if (isOthers(param)) return left.shift()!;
        const { name, value } = param;
        const g = mul(gradients[i]!, 1 - MOMENTUM);
        const m = add(mul(slots.get(`m.${name}`)!, MOMENTUM), g);
        after.set(`m.${name}`, m);
        const move = mul(evened(add(g, mul(m, MOMENTUM)), param), scalars.turn!);
        return options.weightDecay === 0 ? move : add(move, mul(value, scalars.shrink!));
      });
      return { updates, slots: after };
    },
  };
}

/** Equal matrices, one after the other in a vector. */
interface Stretch {
  readonly rows: number;
  readonly columns: number;
  readonly offset: number;
  size: number;
}

function stretchesOf(param: OptimParam): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { name, offset, size, shape } of partsOf(param)) {
    const [rows, columns] = [name.endsWith('qkv.weight') ? shape[0]! / 3 : shape[0]!, shape[1]!];
    const last = stretches.at(-1);
    if (last?.rows === rows && last.columns === columns) last.size += size;
    else stretches.push({ rows, columns, offset, size });
  }
  return stretches;
}

/** The matrices of a vector, each with its singular values evened. Those of one shape, either way round, go through one product. */
function evened(vector: Tensor, param: OptimParam): Tensor {
  const stretches = stretchesOf(param);
  const groups = new Map<string, Stretch[]>();
  for (const stretch of stretches) {
    const { rows, columns } = stretch;
    const key = `${Math.min(rows, columns)} ${Math.max(rows, columns)}`;
    groups.set(key, [...(groups.get(key) ?? []), stretch]);
  }
  const found = new Map<Stretch, Tensor>();
  for (const group of groups.values()) {
    const stacks = group.map(({ offset, size, rows, columns }) => {
      const stack = reshape(slice(vector, 0, offset, offset + size), [size / (rows * columns), rows, columns]);
      return rows > columns ? transpose(stack, [0, 2, 1]) : stack;
    });
    const whole = evenLengths(joined(stacks));
    let from = 0;
    group.forEach((stretch, i) => {
      const [count] = stacks[i]!.shape as [number];
      const own = slice(whole, 0, from, from + count);
      from += count;
      found.set(stretch, reshape(stretch.rows > stretch.columns ? transpose(own, [0, 2, 1]) : own, [stretch.size]));
    });
  }
  return joined(stretches.map((stretch) => found.get(stretch)!));
}

/** Matrices [N,R,C], R at most C: their singular values about 0.2 sqrt(C) each. */
function evenLengths(stack: Tensor): Tensor {
  const lengths = sqrt(reduceSumSquare(stack, { axes: [1, 2], keepDims: true }));
  let X = div(stack, maximum(lengths, 1e-7));
  for (let time = 0; time < TIMES; time++) {
    const gram = matmul(X, X, { transB: true });
    const factor = add(mul(gram, CUBIC), matmul(gram, gram, { alpha: QUINTIC }));
    X = add(mul(X, LINEAR), matmul(factor, X));
  }
  return mul(X, 0.2 * Math.sqrt(stack.shape[2]!));
}

const joined = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? parts[0]! : concat(parts, 0));

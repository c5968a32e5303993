import type { Tensor } from '../graph/tensor.ts';
import { conv } from '../ops/conv.ts';
import { add, mul, relu } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape, transpose } from '../ops/movement.ts';
import { softmax } from '../ops/softmax.ts';
import { attention } from './attention.ts';
import { fanInUniform, layerNorm, linear, mlp } from './layers.ts';
import { type Scope, TRUNCATED_02 } from './scope.ts';

export type GeneratorKind = 'conv' | 'selfAttention' | 'crossAttention';

/** What a generator works on. */
export interface Generated {
  /** Aligned student features [B,N,D], nothing masked. */
  readonly features: Tensor;
  /** 1 where masked, 0 where visible, [B,N,1]; undefined where all are visible. */
  readonly mask: Tensor | undefined;
  /** What stands for a masked token, [1,1,D]. */
  readonly maskToken: Tensor;
  /** rows x columns = N. */
  readonly grid: { readonly rows: number; readonly columns: number };
}

/**
 * ViTKD's generator of the teacher's features from a student's masked ones: [B,N,D] -> [B,N,D].
 * `conv` is the authors' (github.com/yzd-v/cls_KD, vitkd.py), on any grid. `selfAttention` and `crossAttention` are the
 * paper's ablations; their form could not be read, so Our choice: one pre-norm Transformer block (FFN ratio 4, heads of 64
 * where D allows it) with learned positions, for without them all masked tokens would be alike.
 */
export function generate(s: Scope, kind: GeneratorKind, given: Generated): Tensor {
  if (kind === 'conv') return convolutional(s, given);
  return kind === 'selfAttention' ? selfAttentive(s, given) : crossAttentive(s, given);
}

/** The features with the masked tokens replaced. */
function masked({ features, mask, maskToken }: Generated): Tensor {
  if (!mask) return features;
  return add(mul(features, add(mul(mask, -1), 1)), mul(maskToken, mask));
}

/** 3x3 convolution, ReLU, 3x3 convolution, with PyTorch's initialisation. */
function convolutional(s: Scope, given: Generated): Tensor {
  const { rows, columns } = given.grid;
  const [B, N, D] = given.features.shape as [number, number, number];
  const convolve = (s: Scope, x: Tensor) => {
    const init = fanInUniform(D * 9);
    return conv(x, s.param('weight', [D, D, 3, 3], init), s.param('bias', [D], init), { padding: 1 });
  };
  const image = reshape(transpose(masked(given), [0, 2, 1]), [B, D, rows, columns]);
  const hidden = relu(s.in('0', (s) => convolve(s, image)));
  const out = s.in('2', (s) => convolve(s, hidden)); // B D rows columns
  return transpose(reshape(out, [B, D, N]), [0, 2, 1]);
}

const headsFor = (width: number): number => (width % 64 === 0 ? width / 64 : 1);

const positions = (s: Scope, { features }: Generated): Tensor =>
  s.param('pos_embed', [1, features.shape[1]!, features.shape[2]!], TRUNCATED_02, false);

function selfAttentive(s: Scope, given: Generated): Tensor {
  const x = add(masked(given), positions(s, given)); // B N D
  const normed = s.in('norm1', (s) => layerNorm(s, x));
  const attended = s.in('attn', (s) => attention(s, normed, { heads: headsFor(x.shape[2]!) }));
  return feedForward(s, add(x, attended.output));
}

/** Each place asks, with the mask token and its position, the visible tokens. */
function crossAttentive(s: Scope, given: Generated): Tensor {
  const { features, mask, maskToken } = given;
  const position = positions(s, given);
  const [B, N, D] = features.shape as [number, number, number];
  const ask = add(maskToken, position); // 1 N D
  const [query, memory] = [
    s.in('normQuery', (s) => layerNorm(s, ask)),
    s.in('norm1', (s) => layerNorm(s, add(features, position))),
  ];
  const H = headsFor(D);
  const split = (name: string, x: Tensor) => {
    const projected = s.in(name, (s) => linear(s, x, D));
    return transpose(reshape(projected, [x.shape[0]!, N, H, D / H]), [0, 2, 1, 3]); // B H N d
  };
  const scores = matmul(split('q', query), split('k', memory), { transB: true, alpha: 1 / Math.sqrt(D / H) }); // B H N N
  // -1e9 and not -inf: where everything is masked the weights are then equal and not NaN.
  const hidden = mask ? add(scores, reshape(mul(mask, -1e9), [B, 1, 1, N])) : scores;
  const mixed = reshape(transpose(matmul(softmax(hidden), split('v', memory)), [0, 2, 1, 3]), [B, N, D]);
  return feedForward(
    s,
    add(
      ask,
      s.in('proj', (s) => linear(s, mixed, D)),
    ),
  );
}

function feedForward(s: Scope, x: Tensor): Tensor {
  const normed = s.in('norm2', (s) => layerNorm(s, x));
  return add(
    x,
    s.in('mlp', (s) => mlp(s, normed, 4 * x.shape[2]!)),
  );
}

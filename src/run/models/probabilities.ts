import type { Engine } from '../../engine/contract.ts';
import { allFinite } from '../../engine/finiteAnswer.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { SEVERAL, type OnnxModel } from '../../onnx/import/onnxModel.ts';
import { clip, log, sub } from '../../ops/elementwise.ts';
import { frozenProgram } from '../../program/evalProgram.ts';
import { stream } from '../../random/stream.ts';

/** Images that a network is asked about: noise of several strengths, from nearly nothing to far beyond any picture. */
const STRENGTHS = [0.1, 1, 3, 30];
/** Our choice: as far as half precision may leave the sum of a softmax from 1. */
const SUM = 0.01;
/** Smallest probability that has a logarithm here: beyond it float32 has no normal numbers. */
const [LEAST, MOST] = [1e-37, 1 - 2 ** -24];

/** What the values of an output are. */
export type Kind = 'logits' | 'softmax' | 'sigmoid';

/**
 * A network whose output is probabilities, told by its values where the nodes do not tell: never negative and a sum of 1 on every
 * image is a softmax, whatever computes it; never beyond 0 and 1 on noise of any strength is a sigmoid. Its logits are computed back.
 */
export async function withLogits(network: OnnxModel, engine: Engine): Promise<OnnxModel> {
  if (network.hasLogits || network.classes < 2) return network;
  const kind = kindOf(await answersToNoise(network, engine), network.classes);
  if (kind === 'logits') return network;
  const back = kind === 'softmax' ? logOf : logOdds;
  const output = String(network.config.output);
  const what =
    kind === 'softmax'
      ? `its output ${output} is probabilities (never negative, a sum of 1 on noise): their logarithms are taken as the logits`
      : `its output ${output} is probabilities (from 0 to 1 on any noise): their log-odds are taken as the logits`;
  return {
    ...network,
    multilabel: kind === 'sigmoid',
    hasLogits: true,
    notes: [...network.notes, what, ...(kind === 'sigmoid' ? [SEVERAL] : [])],
    build: (scope, pixels) => {
      const features = network.build(scope, pixels);
      return { ...features, logits: back(features.logits) };
    },
  };
}

const logOf = (p: Tensor): Tensor => log(clip(p, LEAST, 1));
const logOdds = (p: Tensor): Tensor => sub(log(clip(p, LEAST, 1)), log(sub(1, clip(p, 0, MOST))));

/** Rows of an output. */
export function kindOf(values: Float32Array, classes: number): Kind {
  const rows = Array.from({ length: values.length / classes }, (_, i) =>
    values.subarray(i * classes, (i + 1) * classes),
  ).filter(allFinite);
  const bounded = rows.every((row) => row.every((p) => p >= 0 && p <= 1 + SUM));
  if (rows.length === 0 || !bounded) return 'logits';
  const sums = rows.map((row) => row.reduce((sum, p) => sum + p, 0));
  if (sums.every((sum) => Math.abs(sum - 1) <= SUM)) return 'softmax';
  // An output that is 0 for every noise says nothing of itself.
  return rows.some((row) => row.some((p) => p > 0)) ? 'sigmoid' : 'logits';
}

async function answersToNoise(network: OnnxModel, engine: Engine): Promise<Float32Array> {
  const [B, S] = [STRENGTHS.length, network.imageSize];
  const compiled = await engine.compile(frozenProgram(network, new Map(), B));
  const pixels = new Float32Array(B * 3 * S * S);
  for (const [i, strength] of STRENGTHS.entries()) {
    const random = stream('probabilities', i);
    for (let at = 0; at < 3 * S * S; at++) pixels[i * 3 * S * S + at] = strength * random.normal();
  }
  const logits = engine.empty('float32', [B, network.classes]);
  try {
    await compiled.run({ pixel_values: engine.tensor('float32', [B, 3, S, S], pixels) }, { logits });
    return ((await logits.read()) as Float32Array).slice();
  } finally {
    await compiled.dispose();
  }
}

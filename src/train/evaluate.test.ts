import { describe, expect, it } from 'vitest';
import { referenceEngine } from '../engine/reference.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { CLASS_HEAD, frozenProgram, judgedProgram, modelParams } from '../program/evalProgram.ts';
import { evaluate } from './evaluate.ts';

const [SIDE, B] = [8, 3];

/** The class head always says b, the distillation head a, three times as loud. */
function network(settings: object) {
  const config = { imageSize: SIDE, classes: 3, width: 8, depth: 1, heads: 2, distToken: true, ...settings };
  const model = buildModel(variantConfig('vit_pico_patch4', config));
  const says = new Map([
    ['head.bias', [0, 100, 0]],
    ['head_dist.bias', [300, 0, 0]],
  ]);
  const weights = modelParams(model).map(
    (spec) =>
      [
        spec.name,
        {
          shape: spec.shape,
          data: says.has(spec.name) ? Float32Array.from(says.get(spec.name)!) : initialValue(spec, 1),
        },
      ] as const,
  );
  return { model, weights: new Map(weights) };
}

async function* images() {
  yield {
    images: new Float32Array(B * 3 * SIDE * SIDE).fill(0.5),
    labels: Int32Array.of(0, 0, 1),
    indices: Int32Array.of(0, 1, 2),
    valid: Uint8Array.of(1, 1, 1),
    release: () => undefined,
  };
}

describe('an evaluation', () => {
  it.each([{}, { patchVote: true }])('of several heads tells the class head’s top-1 apart: %o', async (settings) => {
    const { model, weights } = network(settings);
    const engine = referenceEngine();
    const program = judgedProgram(model, weights, B);
    const found = await evaluate({
      ...{ engine, compiled: await engine.compile(program), classHead: program.outputs.has(CLASS_HEAD) },
      ...{ batch: B, imageSize: SIDE, classes: 3, batches: images(), size: B },
      answering: { model: 'it', image: String },
    });
    expect([found.top1, found.classHeadTop1]).toEqual([2 / 3, 1 / 3]);
  });

  it('of one head has nothing to tell apart, and an exported program has one output', () => {
    const one = network({ distToken: false });
    expect([...judgedProgram(one.model, one.weights, B).outputs.keys()]).toEqual(['logits']);
    const three = network({ patchVote: true });
    expect([...frozenProgram(three.model, three.weights, B).outputs.keys()]).toEqual(['logits']);
  });
});

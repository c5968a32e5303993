import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/tensors/safetensors.ts';
import { readFileSync } from 'node:fs';
import { input } from '../../src/graph/build.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { emit } from '../../src/onnx/emit.ts';
import { portable } from '../../src/onnx/portable.ts';
import { slice } from '../../src/ops/movement.ts';
import { reshape } from '../../src/ops/movement.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram } from '../../src/program/program.ts';
import { inspectModel } from '../../src/run/models/inspect.ts';
import type { Described } from '../../src/run/models/described.ts';
import type { Features } from '../../src/models/index.ts';
import { loadModelReference } from '../../src/run/models/reference.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';
import { run } from './onnxRun.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-onnx-encoders-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const OPEN_BATCH = 10007;

/** A golden encoder as an exporter writes it, with its preprocessor_config.json beside it. */
async function exported(name: string, outputs: (features: Features) => Record<string, Tensor>): Promise<string> {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL(`../golden/foundation/${name}.safetensors`, import.meta.url)),
  );
  const { config, preprocessor } = JSON.parse(metadata.config!) as { config: object; preprocessor: object };
  const [own, dir] = [mkdtempSync(join(root, `${name}-`)), mkdtempSync(join(root, `${name}-`))];
  const state = [...tensors].flatMap(([key, t]) => (key.startsWith('state.') ? [[key.slice(6), t] as const] : []));
  writeFileSync(join(own, 'model.safetensors'), encodeSafetensors(state));
  for (const folder of [own, dir])
    writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  writeFileSync(join(own, 'config.json'), JSON.stringify(config));
  const { network, weights } = await loadModelReference(own);
  const pixels = input('pixel_values', [OPEN_BATCH, 3, network.imageSize, network.imageSize]);
  const program = closeProgram(outputs(buildFrozen(network, pixels, weights)));
  writeFileSync(join(dir, 'model.onnx'), emit(portable(program), { openBatch: OPEN_BATCH }));
  return join(dir, 'model.onnx');
}

async function expectGolden(path: string, golden: Golden, described: Described = {}, dense = true): Promise<void> {
  const model = await loadModelReference(path, { described });
  expect([model.classes, model.network.classes, model.network.features.includes('logits')]).toEqual([[], 0, false]);
  const { shape, data } = golden.get('input.pixels');
  const features = buildFrozen(model.network, input('pixels', shape), model.weights);
  const found = await run(
    closeProgram({ embedding: features.embedding!, ...(dense ? { dense: features.dense!.tokens } : {}) }),
    Float32Array.from(data),
  );
  for (const [name, values] of found) expectClose(name, values, golden.get(`output.${name}`), 1e-5);
  if (dense) expect([features.dense!.rows, features.dense!.columns]).toEqual([4, 4]);
}

it('an encoder with registers: its pooled output is the embedding, its tokens are behind it', async () => {
  const path = await exported('dinov2Registers', ({ norm, embedding }) => ({
    last_hidden_state: norm!,
    pooler_output: embedding!,
  }));
  await expectGolden(path, readGolden('foundation/dinov2Registers'));
  const { classes, asTeacher, features } = await inspectModel(path);
  expect([classes, features.find(({ name }) => name === 'embedding')?.shapes]).toEqual([[], { '': ['B', 16] }]);
  expect(asTeacher).toContain('embed');
  expect(asTeacher).not.toContain('kd');
});

it('of several pooled outputs the one that the model was trained to give, though a product makes it', async () => {
  const path = await exported('clip', ({ tokens, embedding }) => ({
    image_embeds: embedding!,
    last_hidden_state: tokens!.at(-1)!,
    pooler_output: reshape(slice(tokens!.at(-1)!, 1, 0, 1), [OPEN_BATCH, 16]),
  }));
  await expectGolden(path, readGolden('foundation/clip'), {}, false);
});

it('a file of tokens alone: the value is named, and the candidates are told', async () => {
  const golden = readGolden('foundation/dinov2');
  const path = await exported('dinov2', ({ norm }) => ({ last_hidden_state: norm! }));
  await expect(loadModelReference(path)).rejects.toThrow(
    /wanted one output of shape \[batch,classes\].*last_hidden_state.*teacher\.features\.pooled=NAME/,
  );
  await expect(loadModelReference(path, { described: { features: { pooled: 'last_hidden_state' } } })).rejects.toThrow(
    /wanted one output|wanted one vector an image/,
  );
  const both = await exported('dinov2', ({ norm, embedding }) => ({ last_hidden_state: norm!, vector: embedding! }));
  await expectGolden(both, golden, { features: { pooled: 'vector' } });
  // By what makes it, whatever it is called.
  await expectGolden(both, golden);
});

it('a file whose output has a name for classes is a classifier, as before', async () => {
  const path = await exported('siglipClassifier', ({ logits }) => ({ logits }));
  await expect(loadModelReference(path)).rejects.toThrow(/does not say the names of its 3 classes/);
  const { classes, network } = await loadModelReference(path, { described: { classes: ['a', 'b', 'c'] } });
  expect([classes, network.classes]).toEqual([['a', 'b', 'c'], 3]);
});

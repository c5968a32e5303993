import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, float32Tensor } from '../src/formats/tensors/safetensors.ts';
import { loadModelReference } from '../src/run/models/reference.ts';
import { node, onnxBytes } from './parity/onnxBuilder.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-pipes-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A folder of timm's; what stands in it is not read to its end here. */
function folder(): string {
  const dir = mkdtempSync(join(root, 'm-'));
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ architecture: 'resnet26' }));
  const tensors = ['conv1', 'bn1'].map((name) => [`${name}.weight`, float32Tensor([1], new Float32Array(1))] as const);
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors));
  return dir;
}

// A pipe that nobody writes to would be waited for without an end.
describe('files that never end', () => {
  const pipes = (...names: string[]) => {
    const dir = folder();
    for (const name of names) {
      rmSync(join(dir, name), { force: true });
      execFileSync('mkfifo', [join(dir, name)]);
    }
    return dir;
  };

  it.each(['config.json', 'preprocessor_config.json', 'model.safetensors'])('%s', async (name) => {
    await expect(loadModelReference(pipes(name))).rejects.toThrow(
      new RegExp(`${name}: wanted (JSON|weights|safetensors), got a device or a pipe`),
    );
  });

  it('a single file, a shard, an .onnx file, its weights beside it and its config.json', async () => {
    await expect(loadModelReference(join(pipes('w.safetensors'), 'w.safetensors'))).rejects.toThrow(/a pipe/);
    const sharded = pipes('model.safetensors', 'part.safetensors');
    rmSync(join(sharded, 'model.safetensors'));
    writeFileSync(
      join(sharded, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { a: 'part.safetensors' } }),
    );
    await expect(loadModelReference(sharded)).rejects.toThrow(
      /part\.safetensors: wanted weights, got a device or a pipe/,
    );
    await expect(loadModelReference(join(pipes('m.onnx'), 'm.onnx'))).rejects.toThrow(/m\.onnx: wanted an ONNX model/);
    const beside = pipes('weights.bin', 'preprocessor_config.json');
    const tensor = {
      name: 'w',
      dims: [3n, 3n, 1n, 1n],
      dataType: 1,
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'weights.bin' }],
    };
    writeFileSync(
      join(beside, 'm.onnx'),
      onnxBytes({
        input: ['N', 3, 8, 8],
        nodes: [node('Conv', ['x', 'w'], ['c']), node('GlobalAveragePool', ['c'], ['logits'])],
        weights: [tensor],
      }),
    );
    await expect(loadModelReference(join(beside, 'm.onnx'))).rejects.toThrow(/preprocessor_config\.json: wanted JSON/);
    rmSync(join(beside, 'preprocessor_config.json'));
    await expect(loadModelReference(join(beside, 'm.onnx'))).rejects.toThrow(
      /wanted a file of weights, got .*weights\.bin/,
    );
  });
});

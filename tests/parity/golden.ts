import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { decodeSafetensors } from '../../src/formats/tensors/safetensors.ts';
import type { NdArray } from '../../src/graph/ndArray.ts';

/** A golden file of the PyTorch reference: its config and tensors by name. */
export interface Golden {
  readonly config: Record<string, unknown>;
  readonly tensors: ReadonlyMap<string, NdArray>;
  /** The tensors whose name begins with `prefix`, without it. */
  group(prefix: string): Map<string, NdArray>;
  get(name: string): NdArray;
}

export function readGolden(path: string): Golden {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL(`../golden/${path}.safetensors`, import.meta.url)),
  );
  const converted = new Map<string, NdArray>();
  for (const [name, { dtype, shape, data }] of tensors)
    converted.set(name, {
      dtype: dtype === 'I64' ? 'int64' : 'float32',
      shape,
      data: Float64Array.from(data as ArrayLike<number | bigint>, Number),
    });
  return {
    config: JSON.parse(metadata.config ?? '{}') as Record<string, unknown>,
    tensors: converted,
    group: (prefix) =>
      new Map(
        [...converted]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, value]) => [name.slice(prefix.length), value]),
      ),
    get: (name) => {
      const found = converted.get(name);
      if (!found) throw new Error(`${path} has no ${name}; it has ${[...converted.keys()].join(', ')}`);
      return found;
    },
  };
}

/** Compares by the largest difference relative to the largest magnitude of the wanted tensor. */
export function expectClose(name: string, got: ArrayLike<number>, want: NdArray, tolerance: number): void {
  expect(got.length, `${name}: size`).toBe(want.data.length);
  let [worst, scale] = [0, 1e-12];
  for (let i = 0; i < got.length; i++) {
    worst = Math.max(worst, Math.abs(got[i]! - want.data[i]!));
    if (Number.isNaN(got[i]!)) worst = Number.POSITIVE_INFINITY;
    scale = Math.max(scale, Math.abs(want.data[i]!));
  }
  expect(worst / scale, `${name}: relative difference`).toBeLessThan(tolerance);
}

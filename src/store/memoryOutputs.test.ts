import { expect, test } from 'vitest';
import { MemoryStore } from './memoryOutputs.ts';

const images = {};
const column = (of: string | Uint8Array) => [{ name: 'logits', length: 2, of: ['2', of] }];
const read = (outputs: ReturnType<MemoryStore['open']>, image: number, view: number) => {
  const into = new Float32Array(2);
  return outputs.read('logits', image, view, into) ? [...into] : undefined;
};

test('keeps what was said of an image and a view, as float16, for those who ask for the same of the same images', () => {
  const store = new MemoryStore(1000);
  const first = store.open(column(Uint8Array.of(1, 2)), images);
  expect(read(first, 3, 0)).toBeUndefined();
  expect([...first.write('logits', 3, 0, Float32Array.of(0.1, 1e6))]).toEqual([0.0999755859375, 65504]);
  const again = store.open(column(Uint8Array.of(1, 2)), images);
  expect(read(again, 3, 0)).toEqual([0.0999755859375, 65504]);
  expect(read(again, 3, 1)).toBeUndefined();
  expect(again.forecast([3, 4], 2)).toEqual({ stored: 0.25, bytes: 12 });
  expect(read(store.open(column(Uint8Array.of(1, 3)), images), 3, 0)).toBeUndefined();
  expect(read(store.open(column(Uint8Array.of(1, 2)), {}), 3, 0)).toBeUndefined();
});

test('keeps no more than it may: the rest is given back and forgotten', () => {
  const outputs = new MemoryStore(7).open(column('of'), images);
  outputs.write('logits', 0, 0, Float32Array.of(1, 2));
  expect([...outputs.write('logits', 1, 0, Float32Array.of(3, 4))]).toEqual([3, 4]);
  expect([read(outputs, 0, 0), read(outputs, 1, 0)]).toEqual([[1, 2], undefined]);
});

import { expect, test } from 'vitest';
import type { Engine } from '../../engine/contract.ts';
import { memoryDisk, memoryFiles } from '../memory/filesMemory.ts';
import { webHost } from './hostWeb.ts';

const host = () =>
  webHost({
    engine: {} as Engine,
    computed: () => 'nothing',
    files: memoryFiles('run', memoryDisk()),
    loader: () => {
      throw new Error('no images are loaded here');
    },
  });

test('a tab keeps what a teacher answered from run to run, as long as its host lives', async () => {
  const list = {} as Parameters<NonNullable<ReturnType<typeof host>['outputs']>['open']>[0]['list'];
  const task = {
    ...{ dir: null, maxBytes: 1000, columns: [{ name: 'logits', length: 2, of: ['2', 'a'] }], list },
    warn: () => undefined,
  };
  const { outputs } = host();
  expect(outputs!.where(null)).toBe('memory');
  (await outputs!.open(task)).write('logits', 3, 0, Float32Array.of(1, 2));
  const into = new Float32Array(2);
  expect((await outputs!.open(task)).read('logits', 3, 0, into)).toBe(true);
  expect([...into]).toEqual([1, 2]);
  expect((await host().outputs!.open(task)).read('logits', 3, 0, into)).toBe(false);
});

test('what a tab packs, it unpacks', async () => {
  const { gzip, gunzip } = host();
  const packed = await gzip('ä'.repeat(1000));
  expect(packed.length).toBeLessThan(100);
  expect(await gunzip(packed)).toBe('ä'.repeat(1000));
});

import { describe, expect, it } from 'vitest';
import { input } from '../graph/build.ts';
import { gather } from '../ops/gather.ts';
import { add } from '../ops/elementwise.ts';
import { closeProgram } from '../program/program.ts';
import { ortNode } from './ortNode.ts';
import { stopMessage } from './withoutCopiesNode.ts';

const SIZE = 1_000_000;

describe('ortNode', () => {
  it('knows how the installed version ends a run before its copies', async () => {
    expect(await stopMessage()).toMatch(/Non tensor type/);
  });

  it('writes outputs in place: no array is made for them', async () => {
    const engine = ortNode({ threads: 1 });
    const compiled = await engine.compile(closeProgram({ y: add(input('x', [SIZE]), 1) }));
    const x = engine.tensor('float32', [SIZE], new Float32Array(SIZE).fill(2));
    const y = engine.empty('float32', [SIZE]);
    await compiled.run({ x }, { y });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 5; i++) await compiled.run({ x }, { y });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(SIZE);
    expect(((await y.read()) as Float32Array).every((value) => value === 3)).toBe(true);
    await compiled.dispose();
  });

  it('still throws what goes wrong in a run', async () => {
    const engine = ortNode({ threads: 1 });
    const program = closeProgram({ y: gather(input('x', [3]), input('at', [1], 'int64'), 0) });
    const compiled = await engine.compile(program);
    const feeds = {
      x: engine.empty('float32', [3]),
      at: engine.tensor('int64', [1], new BigInt64Array([7n])),
    };
    await expect(compiled.run(feeds, { y: engine.empty('float32', [1]) })).rejects.toThrow(/out of/);
    await compiled.dispose();
  });
});

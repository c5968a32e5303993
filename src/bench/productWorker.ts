import { ortNode } from '../engine/ortNode.ts';
import { input } from '../graph/build.ts';
import { matmul } from '../ops/matmul.ts';
import { closeProgram } from '../program/program.ts';

/**
 * The rate of large matrix products by the same engine and as many threads as a step has: what the processor gives at best. Argument:
 * side of the matrices. Prints one JSON object: multiply-accumulates a second, the best of some runs.
 */
const side = Number(process.argv[2] ?? '1024');
const RUNS = 8;
const engine = ortNode();
const program = closeProgram(new Map([['c', matmul(input('a', [side, side]), input('b', [side, side]))]]));
const compiled = await engine.compile(program);
const ones = () => engine.tensor('float32', [side, side], new Float32Array(side * side).fill(1));
const [feeds, into] = [{ a: ones(), b: ones() }, { c: engine.empty('float32', [side, side]) }];
let best = Number.POSITIVE_INFINITY;
for (let run = 0; run < RUNS; run++) {
  const before = performance.now();
  await compiled.run(feeds, into);
  best = Math.min(best, (performance.now() - before) / 1000);
}
await compiled.dispose();
console.log(JSON.stringify({ macsPerSecond: side ** 3 / best }));

/**
 * Runs a distillation from the build in a process of its own, and prints a JSON line every so many steps: what the process holds
 * after a collection of garbage. With `leak`, that many bytes a step are kept on purpose: so a test of this can be tested.
 */
import { readdirSync } from 'node:fs';
import { distill } from '../../dist/index.js';

const { options, every, leak = 0 } = JSON.parse(process.argv[2]);
const kept = [];

await distill({
  ...options,
  onEvent: (event) => {
    if (event.type !== 'step') return;
    if (leak > 0) kept.push(Buffer.alloc(leak, 1));
    if (event.step % every !== 0) return;
    globalThis.gc();
    const { rss, heapUsed, external } = process.memoryUsage();
    const files = readdirSync('/proc/self/fd').length;
    console.log(JSON.stringify({ step: event.step, rss, heapUsed, external, files }));
  },
});

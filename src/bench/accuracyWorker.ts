import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunInput } from '../config/schema.ts';
import { trainRun } from '../run/training/trainRunNode.ts';
import type { RunEvent } from '../train/events.ts';
import { type Course, CourseClock } from './course.ts';

/**
 * Trains until an evaluation reaches the target, in a process of its own. Arguments: the configuration of the run as JSON, the target
 * (0 to 1). Prints one JSON object (a `Course`).
 */
const [configText = '{}', targetText = '1'] = process.argv.slice(2);
const target = Number(targetText);
const clock = new CourseClock(process.cpuUsage, () => performance.now());
const out = mkdtempSync(join(tmpdir(), 'understudy-accuracy-'));
const stop = new AbortController();
const onEvent = (event: RunEvent): void => {
  if (event.type === 'step') clock.trained();
  if (event.type !== 'evaluation' || event.ema) return;
  const top1 = event.metrics['val/top1']!;
  clock.evaluated(event.epoch, top1);
  if (top1 >= target) stop.abort();
};
try {
  await trainRun(JSON.parse(configText) as RunInput, { out: join(out, 'run'), onEvent, signal: stop.signal });
  console.log(JSON.stringify(clock.course(target) satisfies Course));
} finally {
  rmSync(out, { recursive: true, force: true });
}

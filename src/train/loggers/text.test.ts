import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../host/node/filesNode.ts';
import { evaluation, startTime } from './testEvents.ts';
import { openText } from './text.ts';

test('lines carry the time of their event, and a resumed run appends', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'text-'));
  const path = join(dir, 'train.log');
  const first = openText(nodeFiles(dir), 'train.log');
  first.on(evaluation(1));
  await first.flush();
  await first.close();
  const second = openText(nodeFiles(dir), 'train.log');
  second.on({ type: 'note', time: startTime + 2500, message: 'on we go' });
  await second.close();
  expect(await readFile(path, 'utf8')).toBe(
    '2026-05-01T12:00:01.000Z epoch 1, step 1: val/loss 1.250  val/top1 0.5000\n2026-05-01T12:00:02.500Z on we go\n',
  );
  await rm(dir, { recursive: true });
});

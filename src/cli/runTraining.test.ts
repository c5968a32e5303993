import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { summary } from './runTraining.ts';

const RESULT = {
  reason: 'done',
  steps: 3,
  last: { 'val/top1': 0.5 },
  best: { step: 3, top1: 0.5 },
  seconds: 1,
  student: { parameters: 5_717_416, macs: 1_152_000_000, latencyMs: 12.345 },
} as const;

test('what may come next is filled in with what the run knows', () => {
  const out = mkdtempSync(join(tmpdir(), 'understudy-summary-'));
  const filled = { ...RESULT, out, data: 'my photos', image: 'my photos/val/cat/1.png' };
  expect(summary(filled)).not.toContain('report.html');
  writeFileSync(join(out, 'report.html'), '');
  const text = summary(filled);
  expect(text.split('Next:\n')[1]!.split('\n')).toEqual([
    `  understudy eval ${out}`,
    `  understudy predict ${out} 'my photos/val/cat/1.png'`,
    `  understudy export ${out} --out my-model --data 'my photos'`,
  ]);
  expect(text).toMatch(/^student +5\.72 M parameters, 1\.15 G multiply-accumulates and 12\.3 ms an image$/m);
  expect(text).toMatch(new RegExp(`^report +${out}/report\\.html$`, 'm'));
});

test('of images in shards, in several places, no one file is named', () => {
  const text = summary({ ...RESULT, out: 'nowhere', data: ['a.tar', 'b.tar'] });
  expect(text).not.toContain('report');
  expect(text.split('Next:\n')[1]).toBe('  understudy eval nowhere\n  understudy export nowhere --out my-model');
});

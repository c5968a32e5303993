import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import type { WrittenReport } from '../../src/report/writeReportNode.ts';
import { parseMetricRows } from '../../src/train/loggers/metricRow.ts';
import { jsonIn, refusalsIn, TINY_RESNET, TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const text = (...path: string[]) => readFileSync(join(dir, ...path), 'utf8');
const COMMON = ['--data', 'data', '--batch', '8', '--set', 'optim.lr=0.01', '--epochs', '2'];

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  await json('train', ...COMMON, '--model', ...TINY_RESNET, '--out', 'teacher');
  const student = ['--teacher', 'teacher', '--student', ...TINY_VIT, '--method', 'kd', '--out', 'student'];
  await json('distill', ...COMMON, ...student);
});

it('a run ends with a page; the command makes it anew, with the numbers of eval', async () => {
  const html = text('student/report.html');
  for (const part of [
    'Teacher against student',
    'Images on which they differ most',
    'Calibration',
    'latency of model.onnx',
  ])
    expect(html).toContain(part);
  expect(html).toContain('<img alt="" src="data:image/webp;base64,');
  rmSync(join(dir, 'student/report.html'));
  const { out, runs } = await json<WrittenReport>('report', 'student');
  expect(out).toBe('student/report.html');
  expect(existsSync(join(dir, 'student/report.html'))).toBe(true);
  const [{ details, hashes, speed }] = runs as [WrittenReport['runs'][number]];
  const found = await json<EvaluationReport>('eval', 'student', '--data', 'data');
  expect(details!.metrics['val/top1']).toBeCloseTo(found.top1!, 12);
  expect(details!.metrics['val/macro_f1']).toBeCloseTo(found.macroF1, 12);
  expect(details!.metrics['val/ece']).toBeCloseTo(found.ece!, 5);
  expect(details!.calibration!.student.ece).toBe(details!.metrics['val/ece']);
  const teacher = await json<EvaluationReport>('eval', 'teacher', '--data', 'data');
  const recalls = Object.fromEntries(
    details!.scores.map((score) => [details!.classes[score.class], score.teacherRecall]),
  );
  for (const { name, top1 } of teacher.classes) expect(recalls[name]).toBeCloseTo(top1!, 12);
  const kl = parseMetricRows(text('student/metrics.jsonl')).find(
    (row) => row.step === details!.step && 'val/teacher_kl' in row,
  );
  // All 12 images are shown, so that their KL must have the mean that was logged.
  expect(details!.differing).toHaveLength(12);
  expect(details!.differing.reduce((sum, one) => sum + one.kl!, 0) / 12).toBeCloseTo(
    kl!['val/teacher_kl'] as number,
    5,
  );
  expect(hashes.map(({ file }) => file)).toContain('model/model.safetensors');
  expect(speed!.latency.median).toBeGreaterThan(0);
});

it('several runs are compared; what is no report is not written over, what is no run is named', async () => {
  const compared = await understudy(dir, ['report', 'teacher', 'student', '--out', 'both.html']);
  expect(compared.stdout, compared.stderr).toBe('both.html\n');
  expect(text('both.html')).toContain('<th>teacher</th><th>student</th>');
  expect(text('both.html')).toMatch(/<td>student\.name<\/td><td>&quot;resnet8_small&quot;<\/td>/);
  expect((await understudy(dir, ['report', 'teacher', 'student', '--out', 'both.html'])).status).toBe(0);
  writeFileSync(join(dir, 'mine.html'), '<p>mine</p>');
  const refuses = refusalsIn(dir);
  await refuses(['report', 'student', '--out', 'mine.html'], 2, /mine\.html: wanted a new file or an older report/);
  await refuses(['report', 'data'], 2, /data: wanted a run folder \(config\.yaml and metrics\.jsonl\)/);
});

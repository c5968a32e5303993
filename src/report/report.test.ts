import { expect, it } from 'vitest';
import type { MetricRow } from '../train/loggers/metricRow.ts';
import { comparePage } from './comparePage.ts';
import { curveOf, runCharts } from './curves.ts';
import { detailsOf } from './details.ts';
import { activeSeconds, type RunPage } from './readRunNode.ts';
import { runPage } from './runPage.ts';

const EVIL = '<img src="https://example.org/x">&"';
const SETUP = {
  student: 'vit_pico_patch4',
  parameters: 7,
  macs: 9,
  teacher: EVIL,
  method: 'kd',
  data: EVIL,
  trainImages: 40,
  imageSize: 28,
  imagesPerStep: 8,
  steps: 3,
  epochs: 1,
  seed: 0,
  choices: [{ key: 'optim.lr', value: 0.01, reason: EVIL }],
};
const answers = (decisions: number[]) => ({
  decisions: Int32Array.from(decisions),
  confidences: Float32Array.from(decisions, () => 0.8),
});

function page(name: string, decisions: number[], config: object): RunPage {
  const details = detailsOf(
    {
      step: 3,
      epoch: 1,
      ema: false,
      metrics: { 'val/top1': 0.5, 'val/ece': 0.125, 'val/teacher_kl': 0.25 },
      setup: SETUP,
    },
    {
      classes: ['cat', EVIL],
      paths: ['a.png', `${EVIL}.png`],
      labels: Int32Array.from([0, 1]),
      student: answers(decisions),
      teacher: answers([0, 1]),
      divergences: Float32Array.from([0.5, 2]),
    },
  );
  const rows: MetricRow[] = [
    { step: 1, epoch: 1, time: 0, 'train/loss': 2, 'train/loss_kd': 1, 'train/lr': 0.1 },
    { step: 3, epoch: 1, time: 2000, 'train/loss': 1, 'train/loss_kd': 0.5, 'train/lr': 0.05, 'val/top1': 0.5 },
  ];
  return {
    name,
    folder: `runs/${name}`,
    config: { optim: { lr: 1 }, ...config },
    configText: `data: ${EVIL}`,
    rows,
    details,
    hashes: [{ file: 'config.yaml', bytes: 3, sha256: 'abc' }],
    speed: { latency: { median: 1.5, p90: 2, runs: 9 }, throughput: { imagesPerSec: 640, batch: 16 }, cores: 2 },
    seconds: 65,
    thumbnails: new Map([['a.png', 'data:image/webp;base64,AAAA']]),
  };
}

const expectLoadsNothing = (html: string): void => {
  // What users wrote is text, between the tags.
  expect(html.replace(/>[^<]*</g, '><')).not.toMatch(/https?:|<script|<link|@import|url\(/);
  expect([...html.matchAll(/src="([^"]*)"/g)].every(([, address]) => address!.startsWith('data:image/webp'))).toBe(
    true,
  );
};

it('the page of a run has every part, loads nothing and escapes what users wrote', () => {
  const html = runPage(page(EVIL, [0, 0], {}));
  expectLoadsNothing(html);
  for (const part of ['Curves', 'Confusion', 'Classes, worst first', 'Calibration', 'Teacher against student'])
    expect(html).toContain(`<h2>${part}</h2>`);
  for (const part of ['Images on which they differ most', 'Cost', 'Settings', 'Hashes'])
    expect(html).toContain(`<h2>${part}</h2>`);
  // The image that is gone is named, and the one of the larger KL stands first.
  expect(html.indexOf('KL 2.00 nats')).toBeLessThan(html.indexOf('KL 0.50 nats'));
  expect(html.match(/the image cannot be read any more/g)).toHaveLength(1);
  expect(html.match(/<img alt="" src="data:image\/webp;base64,AAAA">/g)).toHaveLength(1);
  expect(html).toMatch(/<td>student wrong<\/td><td class="number">1<\/td><td class="number">0<\/td>/);
  expect(html).toContain('1.50 ms median');
  expect(html).toContain('<td>expected calibration error</td><td>12.50 %</td>');
});

it('a comparison has a column a run, the settings that differ and a chart a metric', () => {
  const html = comparePage([page('one', [0, 0], { method: 'kd' }), page('two', [0, 1], { method: EVIL })]);
  expectLoadsNothing(html);
  expect(html).toContain('<th>one</th><th>two</th>');
  expect(html).toMatch(/<td>method<\/td><td>&quot;kd&quot;<\/td>/);
  expect(html).not.toContain('<td>optim.lr</td>');
  expect(html).toContain('<title>train/lr</title>');
  // The class on which they differ comes first.
  expect(html).toMatch(
    /&amp;&quot;<\/td><td class="number">0\.00 %<\/td><td class="number">100\.00 %<\/td><\/tr>\n<tr><td>cat/,
  );
  expect(html).not.toContain('not measured on the same images');
});

it('a run without an evaluation still has curves and settings', () => {
  const html = runPage({ ...page('x', [0, 0], {}), details: null, speed: null, seconds: null });
  expect(html).toContain('no evaluation with details so far');
  expect(html).toContain('<title>Loss</title>');
});

it('curves of long runs are means over stretches, and keep the ends', () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => ({ step: i + 1, epoch: 1, time: i, 'train/loss': i % 2 }));
  const curve = curveOf(rows, 'train/loss');
  expect(curve).toHaveLength(400);
  for (const { y } of curve) expect(y).toBeCloseTo(0.5, 1);
  expect(curve[0]!.x).toBeLessThan(30);
  expect(curve.at(-1)!.x).toBeGreaterThan(9970);
  expect(runCharts({ name: 'x', rows })).toHaveLength(1);
});

it('time is counted without the gap before a resume', () => {
  expect(activeSeconds([0, 1000, 2000, 3_600_000, 3_601_000])).toBe(3);
  expect(activeSeconds([0, 100_000, 200_000])).toBe(200);
  expect(activeSeconds([])).toBeNull();
});

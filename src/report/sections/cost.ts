import { heading, htmlTable } from '../../analysis/page.ts';
import { formatDuration } from '../../train/loggers/progressLine.ts';
import type { RunReport } from '../readRunNode.ts';
import type { Section } from '../section.ts';

export const cost: Section = (run) => [heading('Cost'), htmlTable([], costRows(run))];

function costRows({ details, seconds, speed, rows }: RunReport): string[][] {
  const steps = rows.reduce((most, row) => Math.max(most, row.step), 0);
  return [
    ...(seconds === null ? [] : [['training and evaluation', `${formatDuration(seconds)}, without pauses`]]),
    ['updates', String(steps)],
    ...(details
      ? [
          ['images seen', String(steps * details.setup.imagesPerStep)],
          ['parameters of the student', String(details.setup.parameters)],
          ['multiply-accumulates for one image', String(details.setup.macs)],
        ]
      : []),
    ...(speed
      ? [
          [
            'latency of model.onnx, one image',
            `${speed.latency.median.toPrecision(3)} ms median, ${speed.latency.p90.toPrecision(3)} ms at 90 % (${speed.latency.runs} runs)`,
          ],
          [
            `throughput of model.onnx, batch ${speed.throughput.batch}`,
            `${speed.throughput.imagesPerSec.toPrecision(3)} images/s on ${speed.cores} cores, measured when this page was written`,
          ],
        ]
      : []),
  ];
}

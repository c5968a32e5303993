import { largest } from '../graph/lists.ts';
import type { Advice } from './advice.ts';
import { quantity } from '../report/measures.ts';
import { seconds, signed } from './verdict.ts';

/** The answer for a terminal and for advice.txt. */
export function adviceText(advice: Advice): string {
  const { verdict, next, notes } = advice;
  return [
    verdict.text,
    finalTable(advice),
    `Cost: the runs took ${seconds(advice.seconds)} of ${seconds(advice.budget)}. Intervals are 95 %, over seeds and the ${advice.validationImages} validation images ${advice.chosenBy.of === 'validation' ? 'of the half that did not choose' : 'together'}.`,
    ...(notes.length > 0 ? [`Notes:\n${notes.map((note) => `  ${note}`).join('\n')}`] : []),
    `Next:\n  ${next}`,
  ].join('\n\n');
}

/** Columns of the finalists, for the terminal and for the page. */
export function finalRows({ final, gains, method, metric }: Advice): string[][] {
  const head = [
    '',
    metricName(metric),
    'sd',
    'seeds',
    `${method} minus it`,
    '95 % interval',
    'epochs',
    'processor time a run',
    'parameters',
    'MACs an image',
  ];
  const rows = final.map((one) => {
    const over = gains.find(({ over }) => over === one.arm);
    return [
      one.arm,
      (one.mean * 100).toFixed(2),
      one.sd === null ? '' : (one.sd * 100).toFixed(2),
      String(one.scores.length),
      over ? signed(over.gain) : '',
      over?.interval ? `${signed(over.interval[0])} to ${signed(over.interval[1])}` : '',
      String(Number(one.epochs.toPrecision(3))),
      one.trainSeconds === null ? '' : seconds(one.trainSeconds),
      quantity(one.parameters),
      quantity(one.macs),
    ];
  });
  return [head, ...rows];
}

const metricName = (metric: string): string => (metric === 'val/map' ? 'F1 of an image, %' : 'top-1 %');

function finalTable(advice: Advice): string {
  const rows = finalRows(advice);
  const widths = rows[0]!.map((_, i) => largest(rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

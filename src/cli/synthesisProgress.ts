import type { SynthesisEvent } from '../run/synthesis/synthesize.ts';
import { formatDuration, formatNumber } from '../train/loggers/progressLine.ts';
import { modelEvents } from './modelEvents.ts';
import { remark } from './text.ts';

/** Seconds between two lines of progress. */
const EVERY = { terminal: 1, log: 10 } as const;

/** Tells the progress of a synthesis on stderr. */
export function synthesisProgress(): (event: SynthesisEvent) => void {
  const model = modelEvents();
  const terminal = process.stderr.isTTY === true;
  let told = 0;
  return (event) => {
    if (event.type === 'note' || event.type === 'download') model(event);
    else if (event.type === 'start' && event.finished > 0)
      remark(`${event.finished} of ${event.batches} batches are finished already`);
    else if (event.type === 'batch') {
      const { images, loss } = event.record;
      const sure = images.reduce((sum, { confidence }) => sum + confidence, 0) / images.length;
      remark(
        `batch ${event.index + 1}/${event.batches}: ${images.length} images, loss ${loss === null ? 'none' : formatNumber(loss)}, teacher's confidence ${formatNumber(sure)}`,
      );
    } else if (event.type === 'step') {
      const now = Date.now();
      if (now - told < 1000 * (terminal ? EVERY.terminal : EVERY.log)) return;
      told = now;
      remark(stepLine(event));
    }
  };
}

function stepLine(event: Extract<SynthesisEvent, { type: 'step' }>): string {
  const size = event.stage === 0 && event.totalSteps > 0 ? '' : ' (full size)';
  const terms = Object.entries(event.terms).map(([name, value]) => `${name} ${formatNumber(value)}`);
  return [
    `batch ${event.batch + 1}/${event.batches}  ${event.step}/${event.totalSteps}${size}`,
    `loss ${formatNumber(event.loss)}`,
    ...terms,
    `${formatNumber(event.imagesPerSec)} img/s`,
    `ETA ${formatDuration(event.setEtaSeconds)}`,
  ].join('  ');
}

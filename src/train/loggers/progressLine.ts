import { largest } from '../../graph/lists.ts';
import type { RunTotals, StepEvent } from '../events.ts';
import { sortedKeys } from '../metricNames.ts';

/** What a step does not say itself, from the events before it. */
export interface ProgressContext {
  readonly totals?: RunTotals;
  readonly stageName?: string;
}

/** A part of the line. Of parts that do not all fit, those with the highest rank go first; rank 0 stays. */
interface Piece {
  readonly text: string;
  readonly rank: number;
}

const [minBar, maxBar] = [8, 32];
const gap = '  ';

/** A line of at most `columns` characters: what does not fit is left out, least important first, and the bar takes the rest. */
export function progressLine(step: StepEvent, context: ProgressContext, columns: number): string {
  let [front, back] = [frontPieces(step, context), backPieces(step)];
  const width = () => [...front, ...back].reduce((sum, piece) => sum + piece.text.length + gap.length, -gap.length);
  const room = () => columns - width() - gap.length;
  for (;;) {
    const worst = largest([...front, ...back].map((piece) => piece.rank));
    // The bar counts as rank 3: it goes after terms, waiting share and learning rate.
    if (room() >= (worst > 3 ? minBar : -gap.length) || worst === 0) break;
    // Of equal ranks the rightmost goes first, so that the terms that stay are always the same ones.
    const last = [...front, ...back].findLast((piece) => piece.rank === worst)!;
    front = front.filter((piece) => piece !== last);
    back = back.filter((piece) => piece !== last);
  }
  const bar = room() >= minBar ? [barText(step.step / step.totalSteps, Math.min(maxBar, room()))] : [];
  const texts = [...front.map((piece) => piece.text), ...bar, ...back.map((piece) => piece.text)];
  return texts.join(gap).slice(0, Math.max(0, columns));
}

/** The same without a bar and as long as it needs, for logs. */
export function plainStepLine(step: StepEvent, context: ProgressContext): string {
  return [...frontPieces(step, context), ...backPieces(step)].map((piece) => piece.text).join(gap);
}

/** `42s`, `3m12s`, `2h05m`, `3d04h`; `?` where it is not known. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  return `${Math.floor(minutes / 1440)}d${two(Math.floor((minutes % 1440) / 60))}h`;
}

/** Four digits, of steady width for values that change little: `2.345`, `0.01200`, `12346`, `1.25e-5`. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || value === 0) return String(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return size >= 1000 ? String(Math.round(value)) : value.toPrecision(4);
}

function frontPieces(step: StepEvent, { totals, stageName }: ProgressContext): Piece[] {
  const pieces: Piece[] = [];
  if (totals !== undefined && totals.stages > 1) {
    pieces.push({ text: [`stage ${step.stage + 1}/${totals.stages}`, stageName].filter(Boolean).join(' '), rank: 3 });
  }
  pieces.push({ text: `epoch ${step.epoch}${totals === undefined ? '' : `/${Math.ceil(totals.epochs)}`}`, rank: 2 });
  return pieces;
}

function backPieces(step: StepEvent): Piece[] {
  const speed = step.imagesPerSec >= 100 ? String(Math.round(step.imagesPerSec)) : formatNumber(step.imagesPerSec);
  return [
    { text: `${step.step}/${step.totalSteps}`, rank: 0 },
    { text: `loss ${formatNumber(step.loss)}`, rank: 0 },
    ...sortedKeys(step.terms).map((term) => ({ text: `${term} ${formatNumber(step.terms[term]!)}`, rank: 6 })),
    { text: `lr ${step.lr.toExponential(2)}`, rank: 4 },
    { text: `${speed} img/s`, rank: 3 },
    { text: `ETA ${formatDuration(step.etaSeconds)}`, rank: 1 },
    { text: `waiting for data ${Math.round(step.dataWait * 100)}%`, rank: 5 },
  ];
}

/** `[=====>    ]`, `width` characters in all. */
function barText(share: number, width: number): string {
  const inside = width - 2;
  const done = Math.min(inside, Math.max(0, Math.floor(share * inside)));
  const head = done < inside ? '>' : '';
  return `[${'='.repeat(done)}${head}${' '.repeat(inside - done - head.length)}]`;
}

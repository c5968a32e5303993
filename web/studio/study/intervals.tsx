import type { PairedDifference } from '../../../src/study/tables/rows.ts';

/** What all bars of a column are drawn to. */
export interface Scale {
  readonly low: number;
  readonly high: number;
}

/** Zero is always there, in the middle of the larger side. */
export function scaleOf(differences: readonly (PairedDifference | null)[]): Scale {
  const ends = differences.flatMap((one) => (one ? [one.mean, ...(one.interval ?? [])] : []));
  const most = ends.reduce((largest, end) => Math.max(largest, Math.abs(end)), 0) || 1;
  return { low: -most, high: most };
}

const [WIDTH, HEIGHT, PAD] = [160, 20, 6];

/** A paired difference with its interval against zero; the numbers stand beside it. */
export function IntervalBar({
  of: { mean, interval, insideNoise },
  scale,
}: {
  readonly of: PairedDifference;
  readonly scale: Scale;
}) {
  const x = (value: number): number => PAD + ((value - scale.low) / (scale.high - scale.low)) * (WIDTH - 2 * PAD);
  const kind = insideNoise !== false ? 'unsure' : mean > 0 ? 'above' : 'below';
  return (
    <svg class={`interval ${kind}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <line class="zero" x1={x(0)} x2={x(0)} y1={0} y2={HEIGHT} />
      {interval && <line class="range" x1={x(interval[0])} x2={x(interval[1])} y1={HEIGHT / 2} y2={HEIGHT / 2} />}
      <circle cx={x(mean)} cy={HEIGHT / 2} r={4} />
    </svg>
  );
}

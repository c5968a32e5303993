import { viridis } from './colours.ts';
import { escapeText, text } from './svg.ts';

export interface HeatCell {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  /** 0 to 1, which is its colour; null is not defined and grey. */
  readonly value: number | null;
  /** What stands in the cell; '' for none. */
  readonly shown: string;
  /** Told when the pointer rests on it. */
  readonly title: string;
}

/** A cell of a heat map, with the ink that can be read on it. */
export function heatCell({ x, y, size, value, shown, title }: HeatCell): string {
  const [r, g, b] = value === null ? [221, 221, 221] : viridis(value);
  const ink = value !== null && value < 0.6 ? '#fff' : '#111';
  const inside =
    shown === '' ? '' : text(x + size / 2, y + size / 2 + 4, shown, { anchor: 'middle', size: 11, fill: ink });
  return `<g><title>${escapeText(title)}</title><rect x="${x}" y="${y}" width="${size}" height="${size}" fill="rgb(${r},${g},${b})"/>${inside}</g>`;
}

/** The colours of 0 to 1 as a bar with its numbers. */
export function heatScale(x: number, top: number, high: number): string[] {
  const steps = 50;
  const bars = Array.from({ length: steps }, (_, i) => {
    const [r, g, b] = viridis((i + 0.5) / steps);
    const at = top + high - ((i + 1) * high) / steps;
    return `<rect x="${x}" y="${at.toFixed(2)}" width="14" height="${(high / steps + 0.5).toFixed(2)}" fill="rgb(${r},${g},${b})"/>`;
  });
  return [...bars, text(x + 20, top + high, '0'), text(x + 20, top + high / 2 + 4, '0.5'), text(x + 20, top + 10, '1')];
}

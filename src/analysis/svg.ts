/** `<`, `&` and quotes as SVG text and attributes take them. */
export const escapeText = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);

/** A coordinate. */
export const px = (value: number): string => Number(value.toFixed(2)).toString();

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  readonly fill?: string;
  /** Degrees about the text's own point. */
  readonly rotate?: number;
  readonly bold?: boolean;
}

export function text(x: number, y: number, words: string, options: TextOptions = {}): string {
  const { anchor = 'start', size = 12, fill = '#222', rotate, bold } = options;
  const turn = rotate === undefined ? '' : ` transform="rotate(${rotate} ${px(x)} ${px(y)})"`;
  const weight = bold ? ' font-weight="bold"' : '';
  return `<text x="${px(x)}" y="${px(y)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}"${weight}${turn}>${escapeText(words)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke = '#222', width = 1): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="${stroke}" stroke-width="${width}"/>`;
}

/** A whole file: self-contained, white background. */
export function svgDocument(width: number, height: number, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** Round numbers from 0 to at least `largest`, about `count` of them. */
export const ticks = (largest: number, count = 5): number[] => ticksBetween(0, Math.max(largest, 1e-9), count);

/** Round numbers from at most `low` to at least `high`, about `count` of them. */
export function ticksBetween(low: number, high: number, count = 5): number[] {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))!;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const intervals = Math.max(1, last - first);
  return Array.from({ length: intervals + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

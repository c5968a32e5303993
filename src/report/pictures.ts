import { largest } from '../graph/lists.ts';
import { COLOURS } from '../analysis/colours.ts';
import { lineChart } from '../analysis/lineChart.ts';
import { escapeText, line, svgDocument, text } from '../analysis/svg.ts';
import type { Reliability } from './details.ts';

/** Classes that a matrix on a page can still show. */
export const MATRIX_CLASSES = 40;

/** Probability of the decision against how often it is right; on the diagonal a model says what it knows. */
export function reliabilitySvg(
  models: readonly { readonly name: string; readonly reliability: Reliability }[],
): string {
  return lineChart({
    title: 'Reliability',
    xLabel: 'mean probability of the decision, %',
    yLabel: 'right, %',
    width: 420,
    height: 380,
    yRange: [0, 100],
    series: models.map(({ name, reliability: { ece, bins } }) => ({
      name: `${name}: ECE ${(100 * ece).toFixed(2)} %`,
      marks: true,
      points: bins.flatMap(({ confidence, accuracy }) =>
        confidence === null || accuracy === null ? [] : [{ x: 100 * confidence, y: 100 * accuracy }],
      ),
    })),
    below: (x, y) => [line(x(0), y(0), x(100), y(100), '#999')],
    xRange: [0, 100],
  });
}

/** How many images each bin holds, as bars. */
export function confidenceSvg({ bins }: Reliability): string {
  const [width, height, left, bottom] = [420, 160, 66, 120];
  const most = largest(
    bins.map(({ images }) => images),
    1,
  );
  const step = (width - left - 16) / bins.length;
  return svgDocument(width, height, 'Images by the probability of the decision', [
    text(left, 18, 'Images by the probability of the decision', { size: 14, bold: true }),
    ...bins.map(({ from, to, images }, i) => {
      const high = (images / most) * (bottom - 34);
      return `<rect x="${(left + i * step + 1).toFixed(2)}" y="${(bottom - high).toFixed(2)}" width="${(step - 2).toFixed(2)}" height="${high.toFixed(2)}" fill="${COLOURS[0]}"><title>${escapeText(`${(100 * from).toFixed(0)} to ${(100 * to).toFixed(0)} %: ${images} images`)}</title></rect>`;
    }),
    line(left, bottom, width - 16, bottom),
    text(left, bottom + 16, '0 %', { size: 11 }),
    text(width - 16, bottom + 16, '100 %', { anchor: 'end', size: 11 }),
    text(left - 6, 40, String(most), { anchor: 'end', size: 11 }),
    text(left - 6, bottom, '0', { anchor: 'end', size: 11 }),
  ]);
}

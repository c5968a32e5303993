import { heading, htmlTable, note } from '../../analysis/page.ts';
import { escapeText } from '../../analysis/svg.ts';
import type { RunDetails } from '../details.ts';
import { MATRIX_CLASSES } from '../pictures.ts';
import { BEST, ofOneClass } from '../section.ts';

export const confusion = ofOneClass((details) => [
  heading('Confusion'),
  note(
    `${BEST} Rows are ${details.truth === 'labels' ? 'labels' : 'the teacher’s decisions'}, columns decisions of the student.`,
  ),
  details.classes.length <= MATRIX_CLASSES ? matrix(details) : confusedPairs(details),
]);

/** Each cell has the colour of its share of its row, as in the studio. */
function matrix({ classes, confusion }: RunDetails): string {
  const rows = new Map<number, number>();
  for (const [row, , images] of confusion) rows.set(row, (rows.get(row) ?? 0) + images);
  const counts = new Map(confusion.map(([row, column, images]) => [`${row} ${column}`, images]));
  const names = classes.map(escapeText);
  const cell = (row: number, column: number): string => {
    const images = counts.get(`${row} ${column}`) ?? 0;
    if (images === 0) return '<td></td>';
    const all = rows.get(row)!;
    const share = Math.round(100 * Math.max(images / all, 0.08));
    const kind = row === column ? 'right' : 'wrong';
    return `<td class="${kind}" style="--share:${share}%">${images}</td>`;
  };
  const head = names.map((name) => `<th scope="col"><span>${name}</span></th>`).join('');
  const lines = names.map(
    (name, row) => `<tr><th scope="row">${name}</th>${names.map((_, column) => cell(row, column)).join('')}</tr>`,
  );
  return `<div class="matrix"><table><thead><tr><td></td>${head}</tr></thead><tbody>
${lines.join('\n')}
</tbody></table></div>`;
}

function confusedPairs({ classes, confusion }: RunDetails): string {
  const wrong = confusion.filter(([label, decision]) => label !== decision).sort((a, b) => b[2] - a[2]);
  const rows = wrong
    .slice(0, 30)
    .map(([label, decision, images]) => [classes[label]!, classes[decision]!, String(images)]);
  return htmlTable(['class', 'taken for', 'images'], rows);
}

import { heading, htmlTable, note } from '../../analysis/page.ts';
import type { RunDetails } from '../details.ts';
import { confusionSvg, MATRIX_CLASSES } from '../pictures.ts';
import { BEST, ofOneClass } from '../section.ts';

export const confusion = ofOneClass((details) => [
  heading('Confusion'),
  note(BEST),
  details.classes.length <= MATRIX_CLASSES
    ? `<div class="wide">${confusionSvg(details)}</div>`
    : confusedPairs(details),
]);

function confusedPairs({ classes, confusion }: RunDetails): string {
  const wrong = confusion.filter(([label, decision]) => label !== decision).sort((a, b) => b[2] - a[2]);
  const rows = wrong
    .slice(0, 30)
    .map(([label, decision, images]) => [classes[label]!, classes[decision]!, String(images)]);
  return htmlTable(['class', 'taken for', 'images'], rows);
}

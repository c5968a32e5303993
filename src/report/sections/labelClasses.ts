import { heading, htmlTable, note } from '../../analysis/page.ts';
import type { MultilabelDetails, RunDetails } from '../details.ts';
import { MOST_CLASSES, percent } from '../measures.ts';
import { BEST, ofEvaluation } from '../section.ts';

/** The classes of images that may have several. */
export const labelClasses = ofEvaluation((details) =>
  details.multilabel
    ? [heading('Classes, lowest average precision first'), note(BEST), ...labelTable(details, details.multilabel)]
    : [],
);

function labelTable({ classes }: RunDetails, { classes: scores, withoutImages }: MultilabelDetails): string[] {
  const rows = [...scores].sort((a, b) => (a.ap ?? 2) - (b.ap ?? 2) || a.class - b.class);
  const withTeacher = scores.some(({ teacherAp }) => teacherAp !== null);
  const head = ['class', 'images', 'AP', 'precision', 'recall', 'F1', ...(withTeacher ? ['AP of the teacher'] : [])];
  const cells = rows
    .slice(0, MOST_CLASSES)
    .map((row) => [
      classes[row.class]!,
      String(row.images),
      ...[row.ap, row.precision, row.recall, row.f1].map(percent),
      ...(withTeacher ? [percent(row.teacherAp)] : []),
    ]);
  const left = rows.length - cells.length;
  return [
    htmlTable(head, cells),
    ...(left > 0 ? [note(`${left} more classes are in evaluation.json.`)] : []),
    note(`Precision, recall and F1 at a probability of 0.5. mAP leaves out ${withoutImages} classes without images.`),
  ];
}

import { addressIn } from '../../../data/address.ts';
import type { Answers } from '../../../report/details.ts';
import { formatCsv } from '../../../train/loggers/csvText.ts';
import type { RunData } from '../../datasets/runData.ts';

/**
 * What the student said of each validation image, as a table: image, class, prediction, probability, and where there is a teacher what
 * that says: teacher, teacher_probability. A cell is empty where there is no label, or the image could not be read. By it two runs are
 * compared image by image.
 */
export function predictionsCsv({ classes, val }: RunData, student: Answers, teacher?: Answers): string {
  const said = ({ decisions, confidences }: Answers, i: number): string[] =>
    decisions[i]! < 0 ? ['', ''] : [classes[decisions[i]!]!, confidences[i]!.toPrecision(6)];
  const rows = val.paths.map((path, i) => {
    const label = val.labels[i]!;
    const answers = [...said(student, i), ...(teacher ? said(teacher, i) : [])];
    return [addressIn(val.root, path), label < 0 ? '' : classes[label]!, ...answers];
  });
  const head = ['image', 'class', 'prediction', 'probability', ...(teacher ? ['teacher', 'teacher_probability'] : [])];
  return formatCsv([head, ...rows]);
}

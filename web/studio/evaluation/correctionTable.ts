import type { EvaluationAnswer, JudgedRow } from '../../../src/studio/answers.ts';
import { formatCsv } from '../../../src/train/loggers/csvText.ts';

/** A table for whoever corrects the labels: image, label, what models say, and how sure they are. */
export function tableOf(rows: readonly JudgedRow[], { classes }: Pick<EvaluationAnswer, 'classes'>): string {
  const number = (value: number | null) => (value === null ? '' : value.toFixed(4));
  return formatCsv([
    ['image', 'label', 'suggested', 'probability', 'teacher_probability'],
    ...rows.map(({ name, label, prediction, probability, teacherProbability }) => [
      name,
      classes[label] ?? '',
      classes[prediction] ?? '',
      number(probability),
      number(teacherProbability),
    ]),
  ]);
}

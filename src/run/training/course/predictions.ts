import { addressIn } from '../../../data/address.ts';
import type { Answers } from '../../../report/details.ts';
import { formatCsv } from '../../../train/loggers/csvText.ts';
import type { RunData } from '../../datasets/runData.ts';

/**
 * What the student said of each validation image, as a table: image, class, prediction, probability. A cell is empty where there is
 * no label, or the image could not be read. By it two runs are compared image by image.
 */
export function predictionsCsv({ classes, val }: RunData, { decisions, confidences }: Answers): string {
  const rows = val.paths.map((path, i) => {
    const [label, decision] = [val.labels[i]!, decisions[i]!];
    const answer = decision < 0 ? ['', ''] : [classes[decision]!, confidences[i]!.toPrecision(6)];
    return [addressIn(val.root, path), label < 0 ? '' : classes[label]!, ...answer];
  });
  return formatCsv([['image', 'class', 'prediction', 'probability'], ...rows]);
}

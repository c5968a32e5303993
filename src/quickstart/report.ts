interface Score {
  /** Share of the test images, 0 to 1. */
  readonly top1: number;
}

/** What `npm run quickstart` found. */
export interface Report {
  readonly teacher: Score;
  readonly alone: Score;
  readonly kd: Score;
  readonly dearkd: Score;
  readonly images: { readonly teacher: number; readonly student: number; readonly test: number };
  /** Of the last start, if it was interrupted before. */
  readonly seconds: number;
  readonly best: 'alone' | 'kd' | 'dearkd';
  /** Folder of the exported best student. */
  readonly exported: string;
}

interface Shown {
  readonly data: string;
  readonly image: string;
  readonly answer: string;
  readonly probability: number;
}

/** The result as a table, and what to do next. */
export function showReport(report: Report, { data, image, answer, probability }: Shown): string {
  const { teacher, alone, kd, dearkd, images, seconds, exported } = report;
  const row = (name: string, seen: number, { top1 }: Score, against?: Score) => {
    const gain = against ? signed(100 * (top1 - against.top1)) : '';
    return `  ${name.padEnd(34)}${String(seen).padStart(8)}${`${(100 * top1).toFixed(2)} %`.padStart(11)}${gain.padStart(9)}`;
  };
  return [
    '',
    `  ${'model'.padEnd(34)}${'images'.padStart(8)}${'top-1'.padStart(11)}${'gain'.padStart(9)}`,
    row('teacher, small ResNet', images.teacher, teacher),
    row('tiny ViT alone', images.student, alone),
    row('tiny ViT, soft distillation', images.student, kd, alone),
    row('tiny ViT, DearKD', images.student, dearkd, alone),
    '',
    `  ${images.test} held-out digits, last step of each run, one seed; ${seconds} s.`,
    '',
    `The best student is exported to ${exported}: it takes ${image} for a "${answer}" (${(100 * probability).toFixed(1)} %).`,
    '',
    'Next:',
    `  npx understudy predict ${exported} IMAGE`,
    `  npx understudy inspect ${exported}`,
    '  npx understudy train   --data YOUR_FOLDER --model resnet18 --out runs/teacher',
    '  npx understudy distill --data YOUR_FOLDER --teacher runs/teacher --student deit_tiny_patch16_224 --method dearkd',
    `  (a folder with one folder of images a class, as ${data}/train)`,
    '',
  ].join('\n');
}

const signed = (points: number): string => `${points < 0 ? '-' : '+'}${Math.abs(points).toFixed(2)}`;

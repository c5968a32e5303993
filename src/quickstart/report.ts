export interface Score {
  /** Share of the test images, 0 to 1. */
  readonly top1: number;
  readonly epochs: number;
  /** Of all cores; absent where the run was interrupted. */
  readonly cpuSeconds?: number;
}

export type StudentName = 'alone' | 'kd' | 'dearkd' | 'longer' | 'longerMhca';

/** What `understudy quickstart` found. */
export interface Report {
  readonly teacher: Score;
  readonly students: Readonly<Record<StudentName, Score>>;
  readonly images: { readonly teacher: number; readonly student: number; readonly test: number };
  /** Of the last start, if it was interrupted before. */
  readonly seconds: number;
  readonly best: StudentName;
  /** Folder of the exported best student. */
  readonly exported: string;
}

interface Shown {
  readonly data: string;
  readonly image: string;
  readonly answer: string;
  readonly probability: number;
}

const NAMES: Readonly<Record<StudentName, string>> = {
  alone: 'tiny ViT alone',
  kd: 'tiny ViT, soft distillation',
  dearkd: 'tiny ViT, DearKD',
  longer: 'tiny ViT alone, as long as DearKD',
  longerMhca: '  and with its MHCA layers',
};

const HEAD = ['model', 'images', 'epochs', 'processor', 'top-1'];

/** The result as a table, what it says of DearKD, and what to do next. */
export function showReport(report: Report, { data, image, answer, probability }: Shown): string {
  const { teacher, students, images, seconds, exported } = report;
  const rows = [
    HEAD,
    cells('teacher, small ResNet', images.teacher, teacher),
    ...Object.entries(NAMES).map(([name, title]) => cells(title, images.student, students[name as StudentName])),
  ];
  const over = (name: StudentName) => signed(100 * (students.dearkd.top1 - students[name].top1));
  return [
    '',
    ...rows.map(([name, ...numbers]) => `  ${name!.padEnd(36)}${numbers.map((cell) => cell.padStart(11)).join('')}`),
    '',
    `  ${images.test} held-out digits, last step of each run, one seed; ${seconds} s.`,
    `  DearKD over the student alone: ${over('alone')} points at equal images, ${over('longer')} at equal processor time,`,
    `  ${over('longerMhca')} at equal processor time with the same layers. One seed tells no smaller difference than some points.`,
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

function cells(name: string, images: number, { top1, epochs, cpuSeconds }: Score): string[] {
  const processor = cpuSeconds === undefined ? '-' : `${Math.round(cpuSeconds)} s`;
  return [name, String(images), String(epochs), processor, `${(100 * top1).toFixed(2)} %`];
}

const signed = (points: number): string => `${points < 0 ? '-' : '+'}${Math.abs(points).toFixed(2)}`;

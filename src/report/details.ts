import type { LabelScore, MultilabelScores } from '../analysis/multilabel.ts';
import { calibrate, type CalibrationBin, type ClassScore, classify } from '../analysis/classification.ts';

/** A model's answers to the validation images, by their place in the list; -1 where one could not be read. */
export interface Answers {
  readonly decisions: Int32Array;
  /** The probability of each decision. */
  readonly confidences: Float32Array;
}

/** What an evaluation knows of each image. */
export interface AnsweredImages {
  readonly classes: readonly string[];
  readonly paths: readonly string[];
  /** -1 without a label. */
  readonly labels: Int32Array;
  readonly student: Answers;
  readonly teacher?: Answers | undefined;
  /** KL(teacher || student) of each image, in nats. */
  readonly divergences?: Float32Array | undefined;
}

export interface Answer {
  readonly class: string;
  readonly probability: number;
}

/** An image on which student and teacher differ, or without a teacher one that the student takes for another class. */
export interface DifferingImage {
  readonly path: string;
  readonly label: string | null;
  readonly student: Answer;
  readonly teacher: Answer | null;
  readonly kl: number | null;
}

/** What the evaluation of the best student found beyond its metrics: `evaluation.json` of a run folder. */
export interface RunDetails {
  readonly version: 1;
  readonly step: number;
  readonly epoch: number;
  /** Whether the averaged weights were the better ones. */
  readonly ema: boolean;
  readonly classes: readonly string[];
  readonly images: number;
  /** What stands for the right class: labels, or of unlabelled images the teacher's decision. */
  readonly truth: 'labels' | 'teacher';
  /** By full name, as in metrics.jsonl: `val/top1`, or `val_ema/top1` where the averages were better, and `teacher/top1`. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly scores: readonly (ClassScore & { readonly teacherRecall: number | null })[];
  /** [truth, decision, images] */
  readonly confusion: readonly (readonly [number, number, number])[];
  /** Null without labels. */
  readonly calibration: { readonly student: Reliability; readonly teacher: Reliability | null } | null;
  /** Labelled images by who is right; null without labels or teacher. */
  readonly right: Readonly<Record<'both' | 'student' | 'teacher' | 'neither', number>> | null;
  readonly differing: readonly DifferingImage[];
  /** Of multilabel data, in place of scores, confusion, calibration and images. */
  readonly multilabel?: MultilabelDetails;
  readonly setup: RunSetup;
}

export interface MultilabelDetails {
  /** Classes without a validation image, which mAP leaves out. */
  readonly withoutImages: number;
  readonly classes: readonly (LabelScore & { readonly teacherAp: number | null })[];
}

export interface Reliability {
  readonly ece: number;
  readonly bins: readonly CalibrationBin[];
}

/** What was trained, and what a step is. */
export interface RunSetup {
  readonly student: string;
  readonly parameters: number;
  readonly macs: number;
  readonly teacher: string | null;
  readonly method: string;
  readonly data: string;
  readonly trainImages: number;
  readonly imageSize: number;
  /** Images of an update. */
  readonly imagesPerStep: number;
  readonly steps: number;
  readonly epochs: number;
  readonly seed: number;
  /** Settings that were chosen from the data. */
  readonly choices: readonly { readonly key: string; readonly value: number | string; readonly reason: string }[];
}

type Measured = Pick<RunDetails, 'ema' | 'metrics'>;

/** A metric of the weights that were the better ones, such as `top1`, or one that has a full name of its own: `teacher/top1`. */
export const measureOf = ({ ema, metrics }: Measured, name: string): number | undefined => metrics[fullName(name, ema)];

/** The names of older runs, which were `top1` and `teacher_top1`, as they are now. */
export function withFullNames<T extends Measured>(details: T): T {
  const named = Object.entries(details.metrics).map(([name, value]) => [
    fullName(name.replace(/^teacher_(top1|map)$/, 'teacher/$1'), details.ema),
    value,
  ]);
  return { ...details, metrics: Object.fromEntries(named) };
}

const fullName = (name: string, ema: boolean): string =>
  name.includes('/') ? name : `${ema ? 'val_ema' : 'val'}/${name}`;

/** Our choice: enough to see a pattern, few enough for a small page. */
const DIFFERING = 24;

type Head = Pick<RunDetails, 'step' | 'epoch' | 'ema' | 'metrics' | 'setup'>;

export function detailsOf(head: Head, answered: AnsweredImages): RunDetails {
  const { labels, student, teacher, classes } = answered;
  const labelled = labels.some((label) => label >= 0);
  const truth = labelled || !teacher ? labels : teacher.decisions;
  const found = classify(truth, student.decisions);
  const recalls = new Map(
    teacher && labelled ? classify(labels, teacher.decisions).classes.map((score) => [score.class, score.recall]) : [],
  );
  const reliability = (answers: Answers): Reliability => calibrate(labels, answers.decisions, answers.confidences);
  return {
    version: 1,
    ...head,
    classes,
    images: student.decisions.reduce((count, decision) => count + (decision < 0 ? 0 : 1), 0),
    truth: labelled ? 'labels' : 'teacher',
    scores: found.classes.map((score) => ({ ...score, teacherRecall: recalls.get(score.class) ?? null })),
    confusion: found.confusion,
    calibration: labelled ? { student: reliability(student), teacher: teacher ? reliability(teacher) : null } : null,
    right: teacher && labelled ? whoIsRight(labels, student, teacher) : null,
    differing: differingImages(answered),
  };
}

/** Of multilabel data: no decision for one class, so no confusion, no calibration of it and no images that differ. */
export function multilabelDetails(
  head: Head,
  classes: readonly string[],
  found: MultilabelScores,
  teacher: MultilabelScores | undefined,
  truth: RunDetails['truth'] = 'labels',
): RunDetails {
  const rows = found.classes.map((score, k) => ({ ...score, teacherAp: teacher?.classes[k]?.ap ?? null }));
  return {
    version: 1,
    ...head,
    classes,
    images: found.images,
    truth,
    ...{ scores: [], confusion: [], calibration: null, right: null, differing: [] },
    multilabel: { withoutImages: found.withoutImages, classes: rows },
  };
}

/** Of a student without a classifier: its metrics are all. */
export const featureDetails = (head: Head, images: number): RunDetails => ({
  version: 1,
  ...head,
  ...{ classes: [], images, truth: 'teacher' },
  ...{ scores: [], confusion: [], calibration: null, right: null, differing: [] },
});

function whoIsRight(labels: Int32Array, student: Answers, teacher: Answers): NonNullable<RunDetails['right']> {
  const counts = { both: 0, student: 0, teacher: 0, neither: 0 };
  labels.forEach((label, i) => {
    if (label < 0 || student.decisions[i]! < 0 || teacher.decisions[i]! < 0) return;
    const [s, t] = [student.decisions[i] === label, teacher.decisions[i] === label];
    counts[s ? (t ? 'both' : 'student') : t ? 'teacher' : 'neither']++;
  });
  return counts;
}

/** With a teacher those of the largest KL; else wrong decisions, the surest first. Equal ones in the order of the list. */
function differingImages({ classes, paths, labels, student, teacher, divergences }: AnsweredImages): DifferingImage[] {
  const { decisions, confidences } = student;
  const size = (i: number): number => {
    if (decisions[i]! < 0) return 0;
    if (divergences) return divergences[i]!;
    if (teacher) return teacher.decisions[i] === decisions[i] ? 0 : teacher.confidences[i]! + confidences[i]!;
    return labels[i]! < 0 || labels[i] === decisions[i] ? 0 : confidences[i]!;
  };
  const of = (answers: Answers, i: number): Answer => ({
    class: classes[answers.decisions[i]!]!,
    probability: answers.confidences[i]!,
  });
  return paths
    .map((_, i) => ({ i, size: size(i) }))
    .filter((one) => one.size > 0 && (teacher?.decisions[one.i] ?? 0) >= 0)
    .sort((a, b) => b.size - a.size || a.i - b.i)
    .slice(0, DIFFERING)
    .map(({ i }) => ({
      path: paths[i]!,
      label: labels[i]! < 0 ? null : classes[labels[i]!]!,
      student: of(student, i),
      teacher: teacher ? of(teacher, i) : null,
      kl: divergences ? divergences[i]! : null,
    }));
}

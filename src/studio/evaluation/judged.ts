import { calibrate, classify } from '../../analysis/classification.ts';
import { showAddress } from '../../data/address.ts';
import { sortByCodePoint } from '../../data/dataset.ts';
import { parseCsv } from '../../train/loggers/csvText.ts';
import type { EvaluationAnswer, JudgedKind, JudgedRow } from '../answers.ts';

interface Said {
  readonly decisions: Int32Array;
  readonly confidences: Float32Array;
}

export interface JudgedFilter {
  readonly kind?: JudgedKind | undefined;
  readonly class?: number | undefined;
  readonly prediction?: number | undefined;
}

/** Everything that a predictions.csv says (src/run/training/course/predictions.ts writes it). */
export class Judged {
  /** As the run wrote them: below where it ran. */
  readonly images: readonly string[];
  readonly classes: readonly string[];
  readonly #labels: Int32Array;
  readonly #student: Said;
  readonly #teacher: Said | undefined;

  constructor(csv: string) {
    const [head = [], ...rows] = parseCsv(csv);
    const column = (name: string) => head.indexOf(name);
    const [label, prediction, teacher] = ['class', 'prediction', 'teacher'].map(column) as [number, number, number];
    const named = new Set(rows.flatMap((row) => [row[label], row[prediction], row[teacher]]));
    const classes = [...named].filter((name): name is string => name !== undefined && name !== '');
    sortByCodePoint(classes);
    const index = new Map(classes.map((name, i) => [name, i]));
    const places = (at: number) => Int32Array.from(rows, (row) => index.get(row[at] ?? '') ?? -1);
    const said = (at: number): Said => ({
      decisions: places(at),
      confidences: Float32Array.from(rows, (row) => Number(row[at + 1] || Number.NaN)),
    });
    this.images = rows.map((row) => row[column('image')] ?? '');
    this.classes = classes;
    this.#labels = places(label);
    this.#student = said(prediction);
    this.#teacher = teacher < 0 ? undefined : said(teacher);
  }

  together(): EvaluationAnswer {
    const labels = this.#labels;
    const found = classify(labels, this.#student.decisions);
    const labelled = labels.some((label) => label >= 0);
    const reliability = ({ decisions, confidences }: Said) => calibrate(labels, decisions, confidences);
    const count = (kind: JudgedKind) => this.find({ kind }).length;
    return {
      classes: this.classes,
      images: this.images.length,
      labelled,
      teacher: this.#teacher !== undefined,
      confusion: found.confusion,
      scores: found.classes,
      calibration: labelled
        ? { student: reliability(this.#student), teacher: this.#teacher ? reliability(this.#teacher) : null }
        : null,
      counts: { wrong: count('wrong'), differ: count('differ'), labels: count('labels') },
    };
  }

  /** Places of the images that fit, those first of which the answers are the surest. */
  find({ kind, class: label, prediction }: JudgedFilter): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.images.length; i++)
      if (
        (label === undefined || this.#labels[i] === label) &&
        (prediction === undefined || this.#student.decisions[i] === prediction) &&
        (kind === undefined || this.#is(kind, i))
      )
        found.push(i);
    return found.sort((a, b) => this.#sure(b) - this.#sure(a) || a - b);
  }

  row(i: number): JudgedRow {
    const at = (said: Said | undefined) => {
      const decision = said?.decisions[i] ?? -1;
      return { decision, probability: decision < 0 ? null : said!.confidences[i]! };
    };
    const [student, teacher] = [at(this.#student), at(this.#teacher)];
    return {
      i,
      name: showAddress(this.images[i]!),
      label: this.#labels[i]!,
      prediction: student.decision,
      probability: student.probability,
      teacher: teacher.decision,
      teacherProbability: teacher.probability,
    };
  }

  /** Our choice: a label looks wrong where student and teacher say the same other class; a student alone must be surer than not. */
  #is(kind: JudgedKind, i: number): boolean {
    const [label, student, teacher] = [this.#labels[i]!, this.#student.decisions[i]!, this.#teacher?.decisions[i]];
    if (student < 0) return false;
    if (kind === 'differ') return teacher !== undefined && teacher >= 0 && teacher !== student;
    if (label < 0 || label === student) return false;
    if (kind === 'wrong') return true;
    return teacher === undefined ? this.#student.confidences[i]! > 0.5 : teacher === student;
  }

  /** Sum of the probabilities of what was decided. */
  #sure(i: number): number {
    const of = (said: Said | undefined) => (said && said.decisions[i]! >= 0 ? said.confidences[i]! : 0);
    return of(this.#student) + of(this.#teacher);
  }
}

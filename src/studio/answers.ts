// The answers of all routes side by side: more than 300 lines, types alone.
import type { Calibration, Classification, ClassScore } from '../analysis/classification.ts';
import type { Advice } from '../advise/advice.ts';
import type { StudyReport } from '../study/tables/rows.ts';
import type { Dtype } from '../run/exporting/files.ts';
import type { Snippet } from '../run/exporting/snippets.ts';
import type { VerifyReport } from '../run/exporting/verify.ts';
import type { FeatureReport } from '../run/models/inspect.ts';
import type { MethodListing, ModelListing } from '../run/models/listings.ts';
import type { MetricRow } from '../train/loggers/metricRow.ts';

export type Kind = 'run' | 'study' | 'data' | 'model' | 'set';

/** Something that the studio shows. */
export interface Place {
  /** Of its path: the same in every studio of this folder, so that an address keeps its meaning. */
  readonly id: string;
  readonly kind: Kind;
  readonly name: string;
  /** Below the studio's folder, with `/`; '' is that folder itself. */
  readonly path: string;
  /** Id of the study that it belongs to. */
  readonly study?: string;
  /** Of a data set or a model in a list: what its names and sizes tell. */
  readonly about?: string;
  readonly bytes?: number;
  /** Milliseconds since 1970. */
  readonly changed?: number;
}

/** GET /api/about */
export interface About {
  readonly root: string;
  readonly version: string;
}

/** GET /api/places */
export interface Places {
  readonly studies: readonly Place[];
  readonly data: readonly Place[];
  readonly models: readonly Place[];
  /** Images that were made from a teacher, or are being made. */
  readonly sets: readonly Place[];
}

export type RunState = 'running' | 'done' | 'failed' | 'interrupted';

export interface Evaluated {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A run as a row of the table. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly study: string | null;
  readonly state: RunState;
  readonly method: string;
  readonly student: string;
  readonly teacher: string | null;
  readonly data: string;
  readonly seed: number | null;
  readonly step: number;
  readonly totalSteps: number | null;
  readonly epoch: number;
  readonly totalEpochs: number | null;
  readonly imagesPerSec: number | null;
  /** Of the last steps, without evaluations and pauses. */
  readonly secondsPerStep: number | null;
  /** The measure of `best`; null before the first evaluation. */
  readonly judgedBy: string | null;
  readonly best: Evaluated | null;
  readonly last: Evaluated | null;
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly changed: number;
  /** Settings that can be read no more: the rest is shown all the same. */
  readonly damaged?: string;
}

/** GET /api/runs */
export interface Runs {
  readonly runs: readonly RunSummary[];
}

/** What a run was and what it chose, as its best evaluation says. */
export interface Setup {
  readonly parameters?: number;
  readonly macs?: number;
  readonly trainImages?: number;
  readonly imageSize?: number;
  readonly choices?: readonly { readonly key: string; readonly value: unknown; readonly reason: string }[];
}

export interface Saved {
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** GET /api/runs/ID */
export interface RunAnswer {
  readonly run: RunSummary;
  readonly config: Readonly<Record<string, unknown>>;
  readonly configText: string;
  readonly setup: Setup | null;
  /** The checkpoint that a resume would go on from; null before one. */
  readonly saved: Saved | null;
  /** The last lines of train.log. */
  readonly log: readonly string[];
}

/** A curve: means over stretches of equal numbers of points, with the least and the largest value of each. */
export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** Where each point is a single value: absent. */
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
}

/** GET /api/runs/ID/curves?from=&to=&points= */
export interface CurvesAnswer {
  /** The stream goes on there: /api/stream?runs=ID:CURSOR */
  readonly cursor: string;
  readonly curves: Readonly<Record<string, Curve>>;
  readonly steps: number;
}

/** Events `rows` and `anew` of /api/stream. */
export interface RowsEvent {
  readonly run: string;
  readonly rows: readonly MetricRow[];
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'stopped';

/** GET /api/jobs: `{jobs}`; /api/jobs/ID: `{job, output}` */
export interface JobView {
  readonly id: string;
  /** After `understudy`. */
  readonly args: readonly string[];
  readonly state: JobState;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly began?: number | undefined;
  readonly ended?: number | undefined;
  readonly status?: number | undefined;
  /** As a person would type it. */
  readonly line: string;
}

/** GET /api/jobs/ID */
export interface JobAnswer {
  readonly job: JobView;
  /** The end of what it has written. */
  readonly output: string;
  /** Runs, studies, images and models that its line or its words name. */
  readonly places: readonly Place[];
}

/** GET /api/studies/ID */
export interface StudyAnswer {
  readonly place: Place;
  /** results.json, without what its runs said of each image; null before the first run is done, and of an advice. */
  readonly report: StudyReport | null;
  /** advice.json; null of a study, and of an advice that is not done. */
  readonly advice: Advice | null;
  /** Ids of its runs by their folders below its own, such as `runs/kd_seed-0`. */
  readonly runs: Readonly<Record<string, string>>;
  /** Whether the study's file is kept there, by which it is gone on with. */
  readonly file: boolean;
}

/** GET /api/sets/ID: images made from a teacher, of one round. */
export interface SetAnswer {
  readonly place: Place;
  readonly round: number;
  readonly rounds: number;
  /** Images a class in the end. */
  readonly perClass: number;
  readonly images: number;
  /** Whether a process of this machine makes more. */
  readonly running: boolean;
  /** Images of each class so far, with the teacher's mean probability of the class and mean cross entropy; null of none. */
  readonly classes: readonly {
    readonly name: string;
    readonly images: number;
    readonly confidence: number | null;
    readonly loss: number | null;
  }[];
  /** By term; `loss` is their sum. Over the iterations of all batches, one batch after the other. */
  readonly curves: Readonly<Record<string, Curve>>;
  /** When preview.png was written, milliseconds since 1970; null where there is none. */
  readonly preview: number | null;
  /** quality.json, of a set that is complete. */
  readonly quality: SetFigures | null;
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface SetFigures {
  readonly teacherTop1: number;
  readonly teacherConfidence: number;
  readonly verifierTop1?: number;
  readonly normGaps: readonly { readonly name: string; readonly mean: number; readonly variance: number }[];
}

/** GET /api/commands: a command that a page may start. */
export interface CommandView {
  readonly name: string;
  readonly description: string;
  /** Paragraphs of its help. */
  readonly notes: readonly string[];
  /** More may follow the last positional argument. */
  readonly variadic: boolean;
  readonly args: readonly {
    readonly name: string;
    readonly kind: 'positional' | 'boolean' | 'text';
    readonly description: string;
    /** Of its value, such as DIR. */
    readonly hint: string;
    readonly default: string;
    readonly required: boolean;
  }[];
  /** What `--set` sets; null of a command without it. */
  readonly settings: 'run' | 'synthesis' | null;
}

/** A setting as a form shows it. */
export interface FormField {
  /** Dotted, as for `--set`. */
  readonly key: string;
  readonly doc: string;
  readonly default?: unknown;
  /** What it takes besides `auto` and null. */
  readonly kind: 'number' | 'choice' | 'switch' | 'text' | 'other';
  readonly choices?: readonly string[];
  readonly least?: number;
  readonly most?: number;
  readonly auto: boolean;
  readonly none: boolean;
  /** What `auto` becomes: the first rule that holds. */
  readonly rules?: readonly { readonly when: string; readonly value: string }[];
}

/** GET /api/form */
export interface Form {
  readonly fields: readonly FormField[];
  readonly models: readonly ModelListing[];
  readonly methods: readonly MethodListing[];
  readonly recipes: readonly string[];
}

/** POST /api/doctor */
export interface DoctorAnswer {
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly {
    readonly level: 'ok' | 'note' | 'warning' | 'error';
    readonly about: string;
    readonly text: string;
    readonly remedy?: string;
  }[];
}

/** GET /api/data/ID: `facts` is null while the images are listed, and `images` then says how far that is. */
export interface DataAnswer {
  readonly place: Place;
  readonly images: number;
  readonly facts: DataFacts | null;
}

export interface DataFacts {
  readonly images: number;
  readonly train: number;
  /** Who said which images are for validation: the folders, or a seed (that of a run may choose others). */
  readonly splitSource: 'folders' | 'seeded';
  readonly multilabel: boolean;
  readonly notes: readonly string[];
  readonly classes: readonly { readonly name: string; readonly train: number; readonly val: number }[];
}

/** A picture of a data set, GET /api/data/ID/pictures/I/row; the picture itself is at /api/data/ID/pictures/I?side=160 */
export interface PictureRow {
  readonly i: number;
  readonly name: string;
  readonly split: 'train' | 'val';
  /** Places in the list of classes. */
  readonly classes: readonly number[];
}

/** GET /api/data/ID/pictures?class=&split=&q=&from=&count= */
export interface PicturesAnswer {
  readonly total: number;
  readonly from: number;
  readonly rows: readonly PictureRow[];
}

/** GET /api/runs/ID/evaluation: what the last evaluation said of each validation image, together. */
export interface EvaluationAnswer {
  readonly classes: readonly string[];
  /** All images of the evaluation; those without a label or an answer are in no count below. */
  readonly images: number;
  readonly labelled: boolean;
  readonly teacher: boolean;
  readonly confusion: Classification['confusion'];
  readonly scores: readonly ClassScore[];
  /** Null without labels. */
  readonly calibration: { readonly student: Calibration; readonly teacher: Calibration | null } | null;
  /** Pictures of each list. */
  readonly counts: Readonly<Record<JudgedKind, number>>;
}

/** wrong: the student is wrong. differ: student and teacher differ. labels: all who answer say the same, and the label another. */
export type JudgedKind = 'wrong' | 'differ' | 'labels';

/** GET /api/runs/ID/pictures/I/row */
export interface JudgedRow {
  readonly i: number;
  readonly name: string;
  /** Places in the list of classes; -1 without one. */
  readonly label: number;
  readonly prediction: number;
  readonly probability: number | null;
  readonly teacher: number;
  readonly teacherProbability: number | null;
}

/** GET /api/runs/ID/pictures?kind=&class=&prediction=&from=&count= */
export interface JudgedAnswer {
  readonly total: number;
  readonly from: number;
  readonly rows: readonly JudgedRow[];
}

/** GET /api/runs/ID/inspect, /api/models/ID/inspect */
export interface ModelAnswer {
  readonly family: string;
  readonly parameters: number;
  readonly macs: number;
  readonly bytesOnDisk: number | null;
  readonly classes: readonly string[];
  readonly imageSize: number | null;
  /** What methods can tap. */
  readonly features: readonly FeatureReport[];
  readonly asStudent: readonly string[];
  readonly asTeacher: readonly string[];
}

/** GET /api/runs/ID/learned, /api/models/ID/learned?data=: of a run the student, then its teacher. */
export interface LearnedAnswer {
  readonly images: number;
  /** Mean attention distance by block, pixels; null without attention. */
  readonly distances: readonly (readonly number[] | null)[];
  /** Layers of the first model and of the last one. */
  readonly cka: {
    readonly rows: readonly string[];
    readonly columns: readonly string[];
    readonly values: readonly (readonly (number | null)[])[];
  };
}

export interface ModelFile {
  readonly path: string;
  readonly bytes: number;
}

/** The last `understudy verify` of a model that was started here; without a report while it runs, and where it said none. */
export interface Verified {
  readonly job: JobView;
  readonly report: VerifyReport | null;
}

/** GET /api/models/ID/files; together they are /api/models/ID/zip */
export interface FilesAnswer {
  readonly files: readonly ModelFile[];
  readonly verified: Verified | null;
}

/** GET /api/models/ID/snippets: code that runs each of its ONNX files; none of a model without a classifier or without such files. */
export interface SnippetsAnswer {
  readonly snippets: readonly (Snippet & { readonly dtype: Dtype })[];
}

/** GET /api/stores */
export interface StoreView {
  readonly id: string;
  readonly name: string;
  readonly what: string;
  readonly line: string;
  readonly dir: string;
  readonly bytes: number;
  readonly files: number;
  readonly lastUse: number | null;
}

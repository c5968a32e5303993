import type { Api } from './worker/api.ts';

/** What the page and its workers tell each other. */

export interface Picture {
  /** Its file in the page's folder. */
  readonly id: string;
  /** As its owner called it. */
  readonly name: string;
}

export interface PictureClass {
  readonly id: string;
  readonly name: string;
  readonly pictures: readonly Picture[];
}

export interface Teacher {
  readonly kind: 'folder' | 'onnx' | 'run';
  /** Of the folder, the file or the run. */
  readonly name: string;
  /** Whether it is a convolutional network, whose maps a transformer can learn from. */
  readonly convolutional: boolean;
  /** The names that it knows. */
  readonly classes: readonly string[];
}

/** `auto`: convolutional without a teacher, a transformer with one. */
export type Kind = 'auto' | 'convolutional' | 'transformer';
export type Size = 'small' | 'medium' | 'large';
/** `auto`: from the number of pictures; a time, as the setting `train.budget` has it; or a number of passes over the pictures. */
export type Length = 'auto' | '1m' | '5m' | '30m' | 'passes';

export interface Plan {
  readonly kind: Kind;
  readonly size: Size;
  readonly length: Length;
  /** Of the length `passes`. */
  readonly passes: number;
  /** Whether a mirrored picture still shows its class. */
  readonly mirror: boolean;
}

export interface Outcome {
  /** Right answers among the pictures kept aside, 0 to 1. */
  readonly top1: number | null;
  readonly seconds: number;
  readonly parameters: number | null;
}

export interface Training {
  /** The run's name in this browser. */
  readonly name: string;
  readonly state: 'running' | 'paused' | 'done' | 'failed';
  readonly plan: Plan;
  readonly teacher: Teacher | null;
  /** Whether a model can be tried already. */
  readonly usable: boolean;
  /** Pictures that are kept aside to be tested on. */
  readonly kept?: number;
  /** Step of the best model so far. */
  readonly best?: number;
  /** Times that it went on after the page was closed, without a new checkpoint since. */
  readonly tries?: number;
  /** How far it was when it stopped. */
  readonly rate?: Rate;
  readonly outcome?: Outcome;
  /** Why it failed. */
  readonly fault?: string;
}

/** Everything that is kept when the page is closed. */
export interface Project {
  readonly version: 1;
  readonly classes: readonly PictureClass[];
  readonly teacher: Teacher | null;
  readonly plan: Plan;
  readonly training: Training | null;
  /** Trainings begun so far: the next one's number. */
  readonly begun: number;
}

export interface Opened {
  readonly project: Project;
  /** It was running when the page was closed: whether it goes on by itself, or has stopped at one place again and again. */
  readonly interrupted: 'no' | 'goesOn' | 'stuck';
  /** Trainings of this browser with a model, by name. */
  readonly runs: readonly string[];
  readonly threads: number;
}

/** Points of a curve. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

export interface Curves {
  readonly loss: readonly Point[];
  /** Share of right answers on the pictures kept aside. */
  readonly right: readonly Point[];
}

export interface Rate {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly imagesPerSec: number;
  readonly etaSeconds: number;
}

/** A setting that was chosen for the user. */
export interface Choice {
  readonly key: string;
  readonly value: string;
  readonly reason: string;
}

/** What a worker tells unasked. */
export type Told =
  | { readonly told: 'project'; readonly project: Project }
  | { readonly told: 'adding'; readonly done: number; readonly of: number }
  | { readonly told: 'began'; readonly resumedFrom: number; readonly totalSteps: number; readonly epochs: number }
  | { readonly told: 'steps'; readonly rate: Rate; readonly loss: readonly Point[] }
  | { readonly told: 'right'; readonly point: Point }
  | { readonly told: 'chosen'; readonly choices: readonly Choice[] }
  | { readonly told: 'warning'; readonly message: string }
  | { readonly told: 'waiting' };

export interface Question {
  readonly id: number;
  readonly name: keyof Api;
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | Told;

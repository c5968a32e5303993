import type { RunDetails } from './details.ts';
import type { RunPage } from './readRunNode.ts';

/** A part of a run's page, as pieces of HTML; none where the run has nothing for it. */
export type Section = (run: RunPage) => readonly string[];

/** A part about the best evaluation. */
export const ofEvaluation =
  (part: (details: RunDetails, run: RunPage) => readonly string[]): Section =>
  (run) =>
    run.details ? part(run.details, run) : [];

/** A part about the best evaluation of a run whose images have one class each, by a student that says which. */
export const ofOneClass = (part: (details: RunDetails, run: RunPage) => readonly string[]): Section =>
  ofEvaluation((details, run) => (details.multilabel || details.classes.length === 0 ? [] : part(details, run)));

/** What is said above the first table of an evaluation. */
export const BEST =
  'Of the best evaluation, whose weights are in model/. It was chosen by these same images, which flatters it a little.';

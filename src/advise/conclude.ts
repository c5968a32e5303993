import { largest, smallest } from '../graph/lists.ts';
import type { Advice, FinalArm, SearchRound } from './advice.ts';
import { ALONE, type Refused } from './arms.ts';
import type { Found } from './course.ts';
import type { Finalist } from './finals.ts';
import { foresee, type Point } from './statistics/extrapolate.ts';
import { gainOf, mean, variance } from './statistics/gain.ts';
import { type Judged, gainsOf, type Rival, seconds, verdictOf } from './verdict.ts';

/** Our choice: final runs that are this near to full length are of full length. */
const NEAR = 0.95;

/** Our choice: processor times that differ by less are equal. */
const ALIKE = 1.2;

export interface Asked
  extends Pick<
    Advice,
    'data' | 'teacher' | 'student' | 'least' | 'budget' | 'trainImages' | 'validationImages' | 'chosenBy' | 'metric'
  > {
  readonly applies: readonly string[];
  readonly refused: readonly Refused[];
  readonly out: string;
  readonly seconds: number;
}

/** What was found, judged and told; `next` gives the command that follows from the verdict. */
export function adviceOf(found: Found, asked: Asked, next: (kind: Judged & { kind: string }) => string): Advice {
  const { chosen, finalists, finalBudget, fullBudget, curve, search } = found;
  const rivals: Rival[] = finalists
    .filter((one) => one !== chosen)
    .map((one) => {
      const { name } = one.costed.arm;
      return { name, gain: gainOf(chosen.scores, one.scores), decides: name.startsWith(ALONE) };
    });
  const method = chosen.costed.arm.name;
  const judged = {
    method,
    rivals,
    least: asked.least,
    full: fullLength(found, rivals, asked.metric),
    budget: finalBudget,
    fullBudget,
    untold: untoldFrom(
      finalists.map(({ costed }) => costed.arm.name),
      search,
      asked.chosenBy.images,
      seedVariance(rivals),
    ),
    chosenBy: asked.chosenBy,
  };
  const verdict = verdictOf(judged);
  const { out, ...head } = asked;
  const final = finalists.map((one) => finalArm(one, out));
  return {
    version: 1,
    ...head,
    method,
    search,
    finalBudget,
    fullBudget,
    final,
    curve,
    gains: gainsOf(rivals),
    full: judged.full,
    verdict,
    notes: [...found.notes, ...unequal(final)],
    next: next({ ...judged, kind: verdict.kind }),
  };
}

/**
 * Our choice: so many standard errors tell two methods apart. They are those of two independent shares, more than of the same images,
 * and of seeds that vary as those of the final do.
 */
const TOLD = 2;

/**
 * The methods that a round of the search dropped, though the chance of its images could have made the difference to the first of the
 * finalists, which was chosen; the other finalists were tried at length all the same.
 */
export function untoldFrom(
  finalists: readonly string[],
  search: Advice['search'],
  images: number,
  seedVariance: number,
): string[] {
  const spread = ({ mean, scores }: SearchRound['rows'][number]) =>
    (mean! * (1 - mean!)) / Math.max(1, images) + seedVariance / scores.length;
  return search.flatMap(({ rows }) => {
    const own = rows.find(({ arm }) => arm === finalists[0])!;
    return rows
      .filter(({ arm, kept, mean }) => mean !== null && !kept && !finalists.includes(arm))
      .filter((other) => own.mean! - other.mean! < TOLD * Math.sqrt(spread(own) + spread(other)))
      .map(({ arm }) => arm);
  });
}

/** Of a run's share of right answers over its seeds; 0 where one seed each tells nothing of it. */
function seedVariance(rivals: readonly Rival[]): number {
  const known = rivals.flatMap(({ gain }) => gain.components?.seeds ?? []);
  return known.length === 0 ? 0 : mean(known);
}

/** The epochs are chosen by what was measured before; what the runs then took is told where it is not alike. */
function unequal(final: readonly FinalArm[]): string[] {
  const times = final.flatMap(({ trainSeconds }) => trainSeconds ?? []);
  const [least, most] = [smallest(times), largest(times)];
  if (!(most > ALIKE * least)) return [];
  return [
    `the final runs did not take the same processor time (${seconds(least)} to ${seconds(most)}; the table has them): what else ran on this machine changed their speed. Repeat it on a machine with less to do, or take the comparison with a grain of salt`,
  ];
}

function fullLength(
  { chosen, curve, finalBudget, fullBudget }: Found,
  rivals: readonly Rival[],
  metric: string,
): Advice['full'] {
  if (finalBudget >= NEAR * fullBudget) return { known: 'reached' };
  if (metric === 'val/map') return { known: false, why: 'it is told of images of one class each only' };
  const alone = rivals.find(({ name }) => name === ALONE)!;
  const points = (arm: string): Point[] =>
    curve
      .filter((row) => row.arm === arm)
      .flatMap(({ budget, scores }) => scores.map((score) => ({ budget, error: 1 - score })));
  const { images, components } = alone.gain;
  const ofImages = components ? components.images / images : 0;
  return foresee(points(chosen.costed.arm.name), points(ALONE), fullBudget, images, ofImages);
}

function finalArm({ costed: { arm }, epochs, made, scores, key }: Finalist, out: string): FinalArm {
  const means = scores.map((one) => mean(one.filter((value) => !Number.isNaN(value))));
  const average = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? null : mean(known);
  };
  const epoch = average(made.map(({ epochCpu }) => epochCpu));
  return {
    arm: arm.name,
    epochs,
    scores: means,
    mean: mean(means),
    sd: means.length < 2 ? null : Math.sqrt(variance(means)),
    trainSeconds: epoch === null ? null : epoch * epochs,
    cpuSeconds: average(made.map(({ cpuSeconds }) => cpuSeconds)),
    ...arm.size,
    run: `${out}/${key}`,
  };
}

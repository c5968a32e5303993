import type { Advice } from './advice.ts';
import { innerImages } from './trials.ts';

/** What an advice.json says: a release that had one way to choose did not write which. */
type Written = Omit<Advice, 'chosenBy'> & Partial<Pick<Advice, 'chosenBy'>>;

/** As this release would have written it. */
export const ofThisRelease = (advice: Written): Advice => ({
  ...advice,
  chosenBy: advice.chosenBy ?? innerImages(advice.trainImages),
});

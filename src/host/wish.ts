/**
 * What somebody asks of a run that goes on: a checkpoint, after which it goes on; a last evaluation, after which it is finished; or a
 * checkpoint, after which it is left to be gone on with.
 */
export const WISHES = ['save', 'finish', 'stop'] as const;

export type Wish = (typeof WISHES)[number];

/** As a number that ranks can compare: of two wishes the later one in the list counts, and 0 is none. */
export const strength = (wish: Wish | undefined): number => (wish === undefined ? 0 : WISHES.indexOf(wish) + 1);

export const [SAVE, FINISH, STOP] = [strength('save'), strength('finish'), strength('stop')] as const;

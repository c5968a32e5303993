import type { Kind, Plan, Teacher } from './protocol.ts';

/** The kind of network that is trained. */
export const kindOf = ({ kind }: Plan, teacher: Teacher | null): Exclude<Kind, 'auto'> =>
  kind !== 'auto' ? kind : teacher ? 'transformer' : 'convolutional';

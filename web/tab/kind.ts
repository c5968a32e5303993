import type { Kind, PictureClass, Plan, Teacher } from './protocol.ts';

/** The kind of network that is trained. */
export const kindOf = ({ kind }: Plan, teacher: Teacher | null): Exclude<Kind, 'auto'> =>
  kind !== 'auto' ? kind : teacher ? 'transformer' : 'convolutional';

/** Whether a teacher answers with these very classes, in any order. */
export function knows(teacher: Teacher, classes: readonly PictureClass[]): boolean {
  const [known, wanted] = [teacher.classes, classes.map(({ name }) => name)];
  return known.length === wanted.length && wanted.every((name) => known.includes(name));
}

import { append } from '../graph/lists.ts';
import { permutation, stream } from '../random/stream.ts';

/** What a study reads of the packages' emoji.json. */
export interface Emoji {
  readonly category: string;
  /** Code points, hexadecimal, joined by `-`. */
  readonly unified: string;
  readonly image: string;
}

const VAL_SHARE = 0.2;

/** Man, woman, person, the two signs, the joiner and the variation selector: what tells the forms of one emoji apart. */
const FORMS = ['1F468', '1F469', '1F9D1', '2640', '2642', '200D', 'FE0F'];

/**
 * A seeded split, stratified by category, by emoji: all drawings of one are in one half.
 * Our choice: the man's, the woman's and the neutral form of an emoji are one too, since they are drawn almost alike.
 */
export function splitEmoji(emoji: readonly Emoji[]): { train: Emoji[]; val: Emoji[] } {
  const halves: { train: Emoji[]; val: Emoji[] } = { train: [], val: [] };
  for (const [category, members] of groupBy(emoji, (one) => one.category)) {
    const groups = [...groupBy(members, stemOf).values()];
    const order = permutation(groups.length, stream('emoji', category));
    let val = 0;
    for (const i of order) {
      const group = groups[i]!;
      const half = val + group.length / 2 <= VAL_SHARE * members.length ? 'val' : 'train';
      if (half === 'val') val += group.length;
      append(halves[half], group);
    }
  }
  return halves;
}

const stemOf = ({ unified }: Emoji): string =>
  unified
    .split('-')
    .filter((point) => !FORMS.includes(point))
    .join('-');

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

import type { Node, Tensor } from '../../graph/tensor.ts';
import { cutPoints, isActivation, joins, layoutOf, liveNodes } from './landmarks.ts';
import { Add } from '../../ops/elementwise.ts';

/** A value that can be a feature. */
export interface Candidate {
  readonly name: string;
  /** With the batch as B. */
  readonly shape: readonly (number | 'B')[];
}

/** The values of one spatial size; the last is what the next stage begins with. */
export interface Stage {
  readonly name: string;
  /** Side of the map. */
  readonly size: number;
  readonly candidates: readonly Candidate[];
}

/**
 * Stages by spatial size. Candidates are the activations and residual sums through which everything goes (else whatever
 * everything goes through). A map of half the image's size is the stem, as in ResNet; the others are s1, s2, ...
 */
export function stagesOf(
  answer: Tensor,
  image: Tensor,
  names: ReadonlyMap<Tensor, string>,
  imageSize: number,
): Stage[] {
  const batch = image.shape[0]!;
  const live = new Set(liveNodes(answer, image));
  const groups = new Map<number, Tensor[]>();
  let smallest = Infinity;
  for (const t of cutPoints(answer, image)) {
    const layout = layoutOf(t, batch);
    // Sizes only fall: a decoder, or tokens that look like a larger map by chance, are no stage.
    if (!layout || !names.has(t) || t === image || layout.size > smallest) continue;
    smallest = layout.size;
    groups.set(layout.size, [...(groups.get(layout.size) ?? []), t]);
  }
  const found = [...groups].filter(([size, members]) => size < imageSize || members.some((t) => joins(t, [Add], live)));
  let count = 0;
  return found.map(([size, members], i) => {
    const name = i === 0 && size * 2 === imageSize ? 'stem' : `s${++count}`;
    return {
      name,
      size,
      candidates: preferred(members, live).map((t) => ({ name: names.get(t)!, shape: openShape(t) })),
    };
  });
}

function preferred(members: readonly Tensor[], live: ReadonlySet<Node>): readonly Tensor[] {
  const active = members.filter((t) => isActivation(t, live));
  return active.length > 0 ? active : members;
}

export function openShape({ shape }: Tensor): (number | 'B')[] {
  return ['B', ...shape.slice(1)];
}

import { stream } from '../../random/stream.ts';
import type { Stream } from '../../random/stream.ts';

/** A standard normal draw (Box and Muller). */
export const normal = (random: Stream): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

/** How answers come about: an image is right with the logistic of skill + seed + ease + what an arm alone finds easy. */
export interface World {
  readonly images: number;
  /** Spread of the images' ease, which all arms share, and of what each arm alone finds easy. */
  readonly ease: number;
  readonly own: number;
  /** Spread of a run's skill over its seeds. */
  readonly seed: number;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** One draw of validation images, that arms of any skill can be asked about. */
export class SyntheticImages {
  readonly #world: World;
  readonly #random: Stream;
  readonly #ease: Float64Array;
  readonly #own = new Map<string, Float64Array>();

  constructor(world: World, ...key: readonly (string | number)[]) {
    this.#world = world;
    this.#random = stream('synthetic images', ...key);
    this.#ease = Float64Array.from({ length: world.images }, () => world.ease * normal(this.#random));
  }

  /** The answers of one run: right or wrong. */
  run(arm: string, skill: number): Float64Array {
    const own = this.#ownOf(arm);
    const level = skill + this.#world.seed * normal(this.#random);
    return this.#ease.map((ease, i) => (this.#random.uniform() < logistic(level + ease + own[i]!) ? 1 : 0));
  }

  runs(arm: string, skill: number, seeds: number): Float64Array[] {
    return Array.from({ length: seeds }, () => this.run(arm, skill));
  }

  #ownOf(arm: string): Float64Array {
    const held = this.#own.get(arm);
    if (held) return held;
    const made = Float64Array.from({ length: this.#world.images }, () => this.#world.own * normal(this.#random));
    this.#own.set(arm, made);
    return made;
  }
}

/** The share of right answers that an arm of this skill has, over all seeds and images: E logistic(skill + normal), by quadrature. */
export function trueShare({ ease, own, seed }: World, skill: number): number {
  const spread = Math.hypot(ease, own, seed);
  let [sum, weights] = [0, 0];
  for (let z = -8; z <= 8; z += 0.01) {
    const weight = Math.exp((-z * z) / 2);
    sum += weight * logistic(skill + spread * z);
    weights += weight;
  }
  return sum / weights;
}

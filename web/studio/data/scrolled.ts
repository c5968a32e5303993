/** Pixels that an element may be high in every browser. Our choice, below Firefox's 17.9 million. */
const HIGHEST = 12_000_000;

/**
 * Where one is in a list that may be higher than a browser lets an element be. Small steps move as many pixels as the wheel or the keys
 * say; a jump of the scroll bar goes to its share of the list.
 */
export class Scrolled {
  readonly height: number;
  readonly #whole: number;
  readonly #seen: number;
  #bar = 0;
  top = 0;

  /** @param whole height of the whole list; @param seen of what is seen of it, px. */
  constructor(whole: number, seen: number) {
    this.#whole = whole;
    this.#seen = seen;
    this.height = Math.min(whole, HIGHEST);
  }

  /** Takes the place of the scroll bar, and gives that of the list, px. */
  to(bar: number): number {
    const [end, whole] = [Math.max(1, this.height - this.#seen), Math.max(0, this.#whole - this.#seen)];
    const step = bar - this.#bar;
    const share = whole / end;
    this.#bar = bar;
    if (share <= 1 || bar <= 0 || bar >= end || Math.abs(step) > 4 * this.#seen) this.top = bar * Math.max(1, share);
    else this.top += step;
    this.top = Math.max(0, Math.min(whole, this.top));
    return this.top;
  }
}

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Our choice: pixels of larger images that are decoded or in use at a time (600 MB), over all threads. */
const BUDGET = 3 * 2 ** 26;

/** Our choice: pixels that one thread may have let go before it collects them (100 MB). */
const MOST_GARBAGE = 2 ** 25;

/** Milliseconds between two looks at a budget that is spent. */
const PAUSE = 5;

/** Settles when the pixels no longer count; a thread must not block before it has. */
export type Release = () => Promise<void>;

/** Pixels of large images in hand, over all threads that share the word. */
export class PixelBudget {
  readonly #held: Int32Array;
  #garbage = 0;

  constructor(word: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.#held = new Int32Array(word);
  }

  /** Waits until there is room for so many pixels; an image larger than the budget has it alone. Gives what frees them again. */
  async take(pixels: number): Promise<Release> {
    while (!this.#fits(pixels)) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return () => this.#release(pixels);
  }

  #fits(pixels: number): boolean {
    for (;;) {
      const held = Atomics.load(this.#held, 0);
      if (held > 0 && held + pixels > BUDGET) return false;
      if (Atomics.compareExchange(this.#held, 0, held, held + pixels) === held) return true;
    }
  }

  /** Pixels count until their memory is given back: when the caller has let them go they are collected. */
  async #release(pixels: number): Promise<void> {
    this.#garbage += pixels;
    if (this.#garbage >= MOST_GARBAGE) {
      // The caller's frame is left first; memory from outside JavaScript is freed in a turn of its own.
      await turn();
      this.#garbage = 0;
      collectGarbage();
      await turn();
    }
    Atomics.sub(this.#held, 0, pixels);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

let collect: (() => void) | undefined;

/**
 * JavaScript does not know how large sharp's buffers are, so it would not collect them while memory lasts: twelve images of 121
 * megapixels took 5 GB. Costs some milliseconds.
 */
function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

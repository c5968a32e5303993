import type { Readied } from './rows.ts';

/** What is the same of each image in every epoch, kept in memory where there is room. */
export class ImageShelf {
  readonly #most: number;
  readonly #kept = new Map<number, Readied>();
  #bytes = 0;

  /** @param most bytes */
  constructor(most: number) {
    this.#most = most;
  }

  get(index: number): Readied | undefined {
    return this.#kept.get(index);
  }

  /** Keeps an image; says whether it found room. */
  keep(index: number, image: Readied): boolean {
    const { student, teacher } = image;
    const size = student.data.length + (!teacher || teacher === student ? 0 : teacher.data.length);
    if (this.#bytes + size > this.#most) return false;
    this.#bytes += size;
    this.#kept.set(index, image);
    return true;
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }
}

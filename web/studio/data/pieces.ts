import { get } from '../server.ts';

const SIZE = 200;
/** Pieces that are kept: far more than any screen shows. */
const KEPT = 24;

export interface Piece<R> {
  readonly total: number;
  readonly rows: readonly R[];
}

/** A long list of the server, fetched in pieces as they are looked at. */
export class Pieces<R> {
  readonly #path: string;
  readonly #told: () => void;
  readonly #kept = new Map<number, readonly R[] | null>();
  total: number | undefined;
  error: Error | undefined;

  /** @param path with its filters; @param told when more is there. */
  constructor(path: string, told: () => void) {
    this.#path = path;
    this.#told = told;
  }

  /** The row, or undefined while it is on its way. */
  at(i: number): R | undefined {
    const piece = Math.floor(i / SIZE);
    const rows = this.#kept.get(piece);
    if (rows === undefined) this.fetch(piece);
    return rows?.[i - piece * SIZE];
  }

  fetch(piece: number): void {
    if (this.#kept.has(piece)) return;
    this.#kept.set(piece, null);
    const sign = this.#path.includes('?') ? '&' : '?';
    get<Piece<R>>(`${this.#path}${sign}from=${piece * SIZE}&count=${SIZE}`).then(
      ({ total, rows }) => {
        this.total = total;
        this.#keep(piece, rows);
      },
      (error: Error) => {
        this.error = error;
        this.#told();
      },
    );
  }

  #keep(piece: number, rows: readonly R[]): void {
    this.#kept.delete(piece);
    this.#kept.set(piece, rows);
    for (const [old, there] of this.#kept) {
      if (this.#kept.size <= KEPT) break;
      if (there && old !== piece) this.#kept.delete(old);
    }
    this.#told();
  }
}

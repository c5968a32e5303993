import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Kind, Place } from '../answers.ts';
import { scan } from './scan.ts';

/** Milliseconds for which a listing is taken as it is. */
const FRESH = 2000;

/** Not there, or no longer: 404. */
export class NotThere extends Error {
  override name = 'NotThere';
}

/** What lies below the studio's folder, by ids. Nothing is opened that is not in this list. */
export class Library {
  readonly root: string;
  #places: readonly Place[] = [];
  #scanned = Number.NEGATIVE_INFINITY;
  #scanning: Promise<void> | undefined;

  /** @param root a whole path without links. */
  constructor(root: string) {
    this.root = root;
  }

  /** All of a kind, in the order of their paths. */
  async list(kind: Kind): Promise<readonly Place[]> {
    await this.#refresh();
    return this.#places.filter((place) => place.kind === kind);
  }

  /** @throws NotThere */
  async place(kind: Kind, id: string): Promise<Place> {
    const known = () => this.#places.find((place) => place.kind === kind && place.id === id);
    if (!known()) await this.#refresh();
    const found = known();
    if (!found) throw new NotThere(`${kind} ${id}: nothing is there; it was moved or deleted`);
    return found;
  }

  /**
   * The path of a place, or of a file or folder inside of it, with all links followed.
   * @throws NotThere also where a link leads out of the studio's folder.
   */
  async path(place: Place, ...inside: readonly string[]): Promise<string> {
    const path = join(this.root, place.path, ...inside);
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined || (real !== this.root && !real.startsWith(this.root + sep)))
      throw new NotThere(`${place.path}: ${inside.join('/') || 'it'} is not there`);
    return real;
  }

  /** A file of a place by its name; undefined where there is none, and where a link leads out of the studio's folder. */
  async file(place: Place, name: string): Promise<string | undefined> {
    return this.path(place, name).catch(() => undefined);
  }

  async #refresh(): Promise<void> {
    if (performance.now() - this.#scanned < FRESH) return;
    this.#scanning ??= scan(this.root)
      .then((places) => {
        this.#places = places;
        this.#scanned = performance.now();
      })
      .finally(() => {
        this.#scanning = undefined;
      });
    await this.#scanning;
  }
}

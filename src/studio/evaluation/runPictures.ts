import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { spanOf } from '../../data/address.ts';
import type { Place } from '../answers.ts';
import { type Library, NotThere } from '../library/library.ts';
import { Judged } from './judged.ts';

interface Known {
  readonly stamp: string;
  readonly judged: Judged;
  /** What relative paths of images are below. */
  readonly base: string;
}

/** Evaluations that are kept in memory. */
const KEPT = 4;

/** What runs said of their validation images, read again where the file has changed. */
export class RunPictures {
  readonly #library: Library;
  readonly #known = new Map<string, Known>();

  constructor(library: Library) {
    this.#library = library;
  }

  /** Undefined where the run has none: of older versions, of several classes an image, or before its first evaluation. */
  async of(id: string): Promise<Known | undefined> {
    const place = await this.#library.place('run', id);
    const path = await this.#library.file(place, 'predictions.csv');
    if (path === undefined) return undefined;
    const { mtimeMs, size } = await stat(path);
    const stamp = `${mtimeMs} ${size}`;
    const known = this.#known.get(id);
    if (known?.stamp === stamp) return known;
    const judged = new Judged(await readFile(path, 'utf8'));
    const read = { stamp, judged, base: await this.#base(place, judged.images[0]) };
    this.#known.set(id, read);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT) this.#known.delete(oldest!);
    return read;
  }

  /** Address of an image. @throws NotThere */
  async address(id: string, i: number): Promise<string> {
    const { judged, base } = (await this.of(id)) ?? {};
    const image = judged?.images[i];
    if (image === undefined) throw new NotThere(`picture ${i}: the run says nothing of it`);
    return isAbsolute(image) ? image : join(base!, image);
  }

  /** A run does not say where it was started: in the studio's folder, or in one between that and its own. */
  async #base({ path }: Place, image = ''): Promise<string> {
    const file = spanOf(image)?.container ?? image;
    for (let folder = path; ; folder = dirname(folder)) {
      const base = join(this.#library.root, folder);
      if (await stat(join(base, file)).catch(() => undefined)) return base;
      if (folder === '.' || folder === '') return this.#library.root;
    }
  }
}

import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { spanOf } from '../../data/address.ts';
import { NotThere } from '../library/library.ts';

/** Our choice: pictures that are decoded at a time, and bytes of small copies that are kept. */
const [AT_ONCE, KEPT_BYTES] = [3, 24e6];

/** Small copies of pictures: pixels that were encoded anew are all that leaves, whatever a file holds. */
export class Pictures {
  readonly #root: string;
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param root of the studio; whole and without links. */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * A WebP of the picture at an address. Who has gone meanwhile (`signal`) is not waited for.
   * @throws NotThere where it is gone, or a link leads out of the studio's folder; UserError where it is no picture.
   */
  async copy(address: string, side: number, signal: AbortSignal): Promise<Uint8Array> {
    const { file, stamp } = await this.#found(address);
    const key = JSON.stringify([address, side, stamp]);
    const known = this.#kept.get(key);
    if (known) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    while (this.#busy >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go));
    this.#busy++;
    try {
      signal.throwIfAborted();
      // The decoder is loaded with the first picture that is asked for.
      const { smallCopy } = await import('../../data/images/decodeNode.ts');
      return this.#keep(key, await smallCopy(file, side));
    } finally {
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }

  #keep(key: string, bytes: Uint8Array): Uint8Array {
    this.#kept.set(key, bytes);
    this.#bytes += bytes.length;
    for (const [old, { length }] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES) break;
      this.#kept.delete(old);
      this.#bytes -= length;
    }
    return bytes;
  }

  /** The address with all links followed. @throws NotThere as `copy` */
  async file(address: string): Promise<string> {
    return (await this.#found(address)).file;
  }

  async #found(address: string): Promise<{ file: string; stamp: number }> {
    const path = spanOf(address)?.container ?? address;
    const real = await realpath(path).catch(() => undefined);
    const below = this.#root === sep ? sep : this.#root + sep;
    if (real === undefined) throw new NotThere('this picture is gone; read the folder again');
    if (!real.startsWith(below))
      throw new NotThere(
        'this picture lies outside of the folder of this studio, by a link or by its path; start `understudy studio` on a folder that holds both',
      );
    const { mtimeMs } = await stat(real);
    return { file: real + address.slice(path.length), stamp: mtimeMs };
  }
}

import { checkedPixels, type Decode, told } from '../readSource.ts';
import type { Pixels } from '../augment/pixels.ts';
import { faultOfImage } from './badImages.ts';
import { ImageShelf } from './imageShelf.ts';
import { emptyRows } from './madeBatch.ts';
import type { MadeRows, Port, RowAnswer, RowOrder, RowSource, RowTask, WantedRow } from './rowMessages.ts';
import { type Readied, RowMaker } from './rows.ts';

/** The bytes at an address. */
export type FetchBytes = (address: string) => Promise<Uint8Array>;

/** Makes the rows that are wanted through a port: a worker's whole work. */
export function serveRows(port: Port, decode: Decode, fetchBytes: FetchBytes): void {
  const loaders = new Map<number, RowsOf>();
  const answer = (message: RowAnswer, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const make = async (order: Extract<RowOrder, { kind: 'make' }>): Promise<void> => {
    try {
      const made = await loaders.get(order.loader)!.make(order);
      answer(
        made,
        [made.images, made.teacherImages].flatMap((array) => (array ? [array.buffer as ArrayBuffer] : [])),
      );
    } catch (error) {
      answer({ kind: 'failed', job: order.job, reason: String((error as Error)?.message ?? error) });
    }
  };
  let before: Promise<void> = Promise.resolve();
  port.onmessage = ({ data }) => {
    const order = data as RowOrder;
    before = before.then(() => {
      if (order.kind === 'make') return make(order);
      if (order.kind === 'open') loaders.set(order.loader, new RowsOf(order.task, decode, fetchBytes));
      else loaders.delete(order.loader);
      return undefined;
    });
  };
  answer({ kind: 'ready' });
}

/** The rows of one loader, of the images that fall to this worker. */
class RowsOf {
  readonly #task: RowTask;
  readonly #rows: RowMaker;
  readonly #shelf: ImageShelf;
  readonly #paths = new Map<number, string>();
  readonly #decode: Decode;
  readonly #fetch: FetchBytes;
  #teacher = true;

  constructor(task: RowTask, decode: Decode, fetchBytes: FetchBytes) {
    this.#task = task;
    [this.#decode, this.#fetch] = [decode, fetchBytes];
    this.#shelf = new ImageShelf(task.cacheBytes);
    // Who wanted the rows knows the labels.
    const named = { pathOf: (index: number) => this.#paths.get(index)!, labelOf: () => 0 };
    this.#rows = new RowMaker({ ...task, ...named }, () => this.#teacher);
  }

  async make({ job, step, teacher, rows }: Extract<RowOrder, { kind: 'make' }>): Promise<MadeRows> {
    if (teacher !== this.#teacher) this.#shelf.clear();
    this.#teacher = teacher;
    const { teacherView, ...rest } = this.#task;
    const arrays = emptyRows(teacher && teacherView ? { ...rest, teacherView } : rest, rows.length);
    const [faults, kept]: [(string | undefined)[], boolean[]] = [[], []];
    for (const [at, wanted] of rows.entries()) {
      this.#paths.set(wanted.index, wanted.path);
      const { fault, image, keeps } = await this.#image(wanted);
      faults.push(fault);
      kept.push(keeps);
      this.#rows.put(arrays, at, this.#rows.shown(step, wanted.row, wanted.skip), image);
    }
    return { kind: 'made', job, images: arrays.images, teacherImages: arrays.teacherImages, faults, kept };
  }

  async #image({ index, path, source }: WantedRow): Promise<{ image?: Readied; fault?: string; keeps: boolean }> {
    const found = this.#shelf.get(index);
    if (found) return { image: found, keeps: true };
    try {
      const image = await this.#rows.ready(await this.#opened(source!, `${this.#task.name}: ${path}`));
      return { image, keeps: this.#shelf.keep(index, image) };
    } catch (error) {
      return { fault: faultOfImage(error), keeps: false };
    }
  }

  async #opened(source: RowSource, where: string): Promise<Pixels> {
    if (source instanceof Uint8Array) return this.#decode(source, where);
    if (typeof source === 'object' && 'width' in source) return checkedPixels(source, where);
    const bytes = await told(where, async () =>
      typeof source === 'string' ? this.#fetch(source) : new Uint8Array(await source.arrayBuffer()),
    );
    return this.#decode(bytes, where);
  }
}

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stream } from '../../src/random/stream.ts';
import { mutate } from './damage.ts';
import { faultOf, MOST_BYTES } from './judge.ts';
import { type Answer, type Held, type Outcome, Reader } from './reader.ts';
import { writeFiles } from './ownSeeds.ts';
import { type FileSet, type Kind, makeSeeds, type Seed, type Seeds } from './seeds.ts';

/** Kinds of thirty files in a row. */
const MIX: readonly Kind[] = [
  ...(['weights', 'config', 'preprocessor', 'model', 'onnx', 'state', 'optimizer', 'set'] as const),
  ...(['weights', 'config', 'model', 'onnx'] as const),
  ...Array<Kind>(8).fill('image'),
  ...Array<Kind>(3).fill('csv'),
  ...Array<Kind>(3).fill('tar'),
  // A thread each: what takes long.
  'parquet',
  ...(['run', 'folder', 'study'] as const),
];

/** Our choice: files that are on the disk at a time. */
const AT_A_TIME = 500;

/** Our choice: how long a file may take, ms. Parquet's own patience is 10 s; the rest is for a busy machine. */
const LIMIT = 60_000;

export interface Options {
  readonly files: number;
  readonly seed: number;
  /** An empty folder. */
  readonly dir: string;
  /** Of all files this one alone. */
  readonly only?: number | undefined;
  /** Of these kinds alone. */
  readonly kinds?: readonly string[] | undefined;
  readonly log?: (line: string) => void;
}

export interface Tally {
  files: number;
  /** Read, refused by a message that names the file. */
  read: number;
  refused: number;
  /** Images of tables and shards that were read, and that were named as bad. */
  images: number;
  bad: number;
  slowestMs: number;
  /** For all of them. */
  seconds: number;
}

export interface Result {
  readonly tally: Readonly<Record<Kind, Tally>>;
  /** What must not be, each with seed and number of its file. */
  readonly faults: readonly string[];
  /** What the reading process held after each part of the files. */
  readonly held: readonly Held[];
  readonly peak: number;
}

interface File {
  readonly number: number;
  readonly kind: Kind;
  /** Below the folder of its kind. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Other files of its folder. */
  readonly beside: FileSet;
  readonly what: string;
}

/** Number `number` of the mutated files of a seed. */
export function mutatedFile(seeds: Seeds, seed: number, number: number): File {
  const kind = MIX[number % MIX.length]!;
  const { seed: whole, bytes, beside, done } = mutate(kind, seeds[kind], stream('mutated', seed, number));
  return { number, kind, name: nameOf(whole, number), bytes, beside, what: `${whole.name}, ${done}` };
}

const nameOf = ({ file, ending }: Seed, number: number): string => {
  const base = String(number).padStart(6, '0');
  return file === undefined ? `${base}.${ending}` : `${base}/${file}`;
};

/** Has so many mutated files read, and says what came of them. */
export async function readMutated(options: Options): Promise<Result> {
  const seeds = await makeSeeds(options.dir);
  const cwd = join(options.dir, 'a/b/c');
  mkdirSync(cwd, { recursive: true });
  const run = new Run(options, seeds, new Reader(cwd, LIMIT));
  try {
    if (options.only === undefined) await run.whole();
    for (let from = 0; from < options.files; from += AT_A_TIME) {
      const count = Math.min(AT_A_TIME, options.files - from);
      await run.part(Array.from({ length: count }, (_, i) => from + i).filter((number) => isWanted(options, number)));
    }
    return run.result();
  } finally {
    run.reader.close();
  }
}

const isWanted = ({ only, kinds }: Options, number: number): boolean =>
  (only === undefined || number === only) && (kinds === undefined || kinds.includes(MIX[number % MIX.length]!));

const MB = 2 ** 20;

/**
 * How much more the last third of the parts may leave behind than the first third after a warm-up (a quarter). Our choice: JavaScript's
 * own is flat; what C++ took and gave back stays with the process for a while, more so after thousands of threads.
 */
const MARGIN: Held = { rss: 160 * MB, heapUsed: 4 * MB, external: 8 * MB };

/** What has grown beyond the margins, in words. */
export function growth(held: readonly Held[]): string[] {
  const rest = held.slice(Math.ceil(held.length / 4));
  const third = Math.floor(rest.length / 3);
  const median = (rows: readonly Held[], name: keyof Held) =>
    rows.map((row) => row[name]).sort((a, b) => a - b)[rows.length >> 1]!;
  return (Object.keys(MARGIN) as (keyof Held)[]).flatMap((name) => {
    const [early, late] = [median(rest.slice(0, third), name), median(rest.slice(-third), name)];
    return late - early > MARGIN[name] ? [`${name}: ${early} bytes early, ${late} late`] : [];
  });
}

class Run {
  readonly #options: Options;
  readonly #seeds: Seeds;
  readonly reader: Reader;
  readonly #tally = {} as Record<Kind, Tally>;
  readonly #faults: string[] = [];
  readonly #held: Held[] = [];
  #peak = 0;
  #large = false;

  constructor(options: Options, seeds: Seeds, reader: Reader) {
    this.#options = options;
    this.#seeds = seeds;
    this.reader = reader;
    for (const kind of MIX)
      this.#tally[kind] = { files: 0, read: 0, refused: 0, images: 0, bad: 0, slowestMs: 0, seconds: 0 };
  }

  /** The valid files themselves: what is not read as it is proves nothing when it is spoilt. */
  async whole(): Promise<void> {
    for (const [kind, seeds] of Object.entries(this.#seeds) as [Kind, readonly Seed[]][]) {
      const files = seeds.map((seed, i): File => {
        const { name, bytes, beside = {} } = seed;
        return { number: -1, kind, name: nameOf(seed, i), bytes, beside, what: `${name}, whole` };
      });
      const { outcomes, broken } = await this.#ask(files);
      const wrong = outcomes.filter(({ state }) => state !== 'read').map(({ file, message }) => `${file}: ${message}`);
      if (broken) wrong.push(broken.why);
      for (const why of wrong) this.#faults.push(`a whole ${kind} file is not read: ${why}`);
      if (outcomes.length < files.length)
        this.#faults.push(`${files.length} whole ${kind} files, ${outcomes.length} outcomes`);
    }
  }

  async part(numbers: readonly number[]): Promise<void> {
    const files = numbers.map((number) => mutatedFile(this.#seeds, this.#options.seed, number));
    for (const kind of new Set(files.map((file) => file.kind))) {
      const mine = files.filter((file) => file.kind === kind);
      const began = performance.now();
      const answer = await this.#ask(mine);
      this.#tally[kind].seconds += (performance.now() - began) / 1000;
      if (answer.broken) await this.#findBroken(mine, answer.broken);
      else this.#count(mine, answer);
    }
    const last = numbers.at(-1);
    if (last !== undefined)
      this.#options.log?.(
        `${last + 1} files, ${this.#faults.length} faults, ${Object.entries(this.#held.at(-1) ?? {})
          .map(([name, bytes]) => `${name} ${Math.round(bytes / 2 ** 20)} MiB`)
          .join(', ')}`,
      );
  }

  result(): Result {
    if (this.reader.stderr !== '') this.#faults.push(`stderr: ${this.reader.stderr.slice(0, 2000)}`);
    return { tally: this.#tally, faults: this.#faults, held: this.#held, peak: this.#peak };
  }

  /** Writes files of one kind and has them read. */
  async #ask(files: readonly File[]): Promise<Answer> {
    const { kind, number } = files[0]!;
    const folder = join(this.#options.dir, 'read', kind);
    write(folder, files, this.#seeds.image);
    try {
      const train = Math.floor(number / AT_A_TIME) % 2 === 1;
      const answer = await this.reader.ask({ kind, folder, files: files.map(({ name }) => name), train });
      this.#peak = Math.max(this.#peak, answer.peak);
      if (kind === 'study' && !answer.broken) this.#held.push(answer.held);
      return answer;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Which of the files broke the reader: each alone. */
  async #findBroken(files: readonly File[], { why, file: name }: NonNullable<Answer['broken']>): Promise<void> {
    const before = this.#faults.length;
    for (const file of files) {
      const answer = await this.#ask([file]);
      if (answer.broken) this.#fault(file, answer.broken.why);
      else this.#count([file], answer);
    }
    if (this.#faults.length > before) return;
    const suspect = files.find((file) => file.name === name) ?? files[0]!;
    this.#fault(suspect, `${why} (beside ${files.length - 1} others, not alone)`);
  }

  #count(files: readonly File[], { outcomes, images }: Answer): void {
    const byName = new Map(files.map((file) => [file.name, file]));
    const tally = this.#tally[files[0]!.kind];
    tally.images += images;
    for (const outcome of outcomes) {
      const file = byName.get(outcome.file);
      if (file) byName.delete(outcome.state === 'bad' ? '' : file.name);
      this.#countOne(tally, file ?? files.find(({ name }) => name === outcome.file), outcome);
    }
    for (const file of byName.values()) this.#fault(file, 'nothing was said of it');
  }

  #countOne(tally: Tally, file: File | undefined, outcome: Outcome): void {
    const { state, message, ms = 0 } = outcome;
    if (!file) {
      if (state !== 'read') this.#faults.push(`SEED=${this.#options.seed}: a whole file is not read: ${message}`);
      return;
    }
    if (state === 'bad') tally.bad++;
    else tally.files++;
    if (state === 'read') tally.read++;
    if (state === 'refused') tally.refused++;
    tally.slowestMs = Math.max(tally.slowestMs, Math.round(ms));
    const fault = faultOf(file.kind, file.name, outcome);
    if (fault !== undefined) this.#fault(file, fault);
    // The process keeps its peak: told of the first file alone.
    if (outcome.peak !== undefined && outcome.peak > MOST_BYTES && !this.#large) {
      this.#large = true;
      this.#fault(file, `the process took ${outcome.peak} bytes`);
    }
  }

  #fault({ number, kind, what }: File, why: string): void {
    this.#faults.push(`SEED=${this.#options.seed} FILE=${number} (${kind}: ${what}): ${why}`);
  }
}

/** The files in their folder, beside what they need: a whole image, and the images that tables name. */
function write(folder: string, files: readonly File[], images: readonly Seed[]): void {
  rmSync(folder, { recursive: true, force: true });
  const { kind } = files[0]!;
  const whole = images.find(({ ending }) => ending === 'png')!;
  for (const { name, bytes, beside } of files) {
    writeFiles(folder, { [name]: bytes });
    writeFiles(join(folder, name.slice(0, name.indexOf('/'))), beside);
  }
  if (kind === 'image') writeFileSync(join(folder, 'whole.png'), whole.bytes);
  else mkdirSync(join(folder, 'images'), { recursive: true });
  for (let i = 0; i < 8 && kind !== 'image'; i++) writeFileSync(join(folder, `images/${i}.png`), whole.bytes);
}

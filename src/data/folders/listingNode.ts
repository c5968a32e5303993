import { existsSync, opendirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { MachineError, UserError } from '../../graph/errors.ts';
import { sortByCodePoint } from '../dataset.ts';
import { type FileState, fileState } from '../fileStateNode.ts';
import { LeftOut } from './leftOutNode.ts';
import { isArchiveName, isImageName } from '../images/imageNames.ts';

/** What one folder holds: visible names, each list in code-point order. */
export interface Folder {
  readonly folders: string[];
  readonly images: string[];
  /** CSV files, tar shards and Parquet files. */
  readonly archives: string[];
}

/** How far a listing is. */
export interface ListingProgress {
  readonly place: string;
  readonly images: number;
  readonly folders: number;
  /** True in the last event of a place, which comes where there were others. */
  readonly done: boolean;
}

/** What is told while images are listed: how far it is, where that takes longer than a second, and what costs speed. */
export type ListingEvent =
  | ({ readonly type: 'listing' } & ListingProgress)
  | { readonly type: 'note'; readonly message: string };

export type OnListing = (event: ListingEvent) => void;

/** Our choice: first told after so long, and again each time. */
const TELL_MS = 1000;
/** Our choice: how long the event loop (a signal, a timer) waits at most. */
const HOLD_MS = 50;
/** Entries between two looks at the clock. */
const LOOK_EVERY = 256;
/** Entries that one call to the operating system brings. */
const ENTRIES = 256;
/** Our choice: to look at more folders and links again would take as long as to list them, so nothing is kept of such a place. */
const MOST_WITNESSES = 200_000;

/** Folders that systems put beside those of people: of Macintosh's archives, of Synology's and Windows' disks. */
const SYSTEM = new Set(['__MACOSX', '@eaDir', '$RECYCLE.BIN', 'System Volume Information', 'lost+found']);

/** The state of a link that leads to no folder; where to is no matter. */
const NO_FOLDER = 'no folder';

/**
 * Reads the folders of one place, entry by entry, and notes the state of each folder and archive before it is read: by these
 * witnesses a later run sees whether the listing still holds.
 */
export class Listing {
  readonly #place: string;
  readonly #onListing: OnListing | undefined;
  readonly #kept = new Map<string, Folder>();
  /** The folder that was read last to see whether it has images: most often it is the first class. */
  #spare: { readonly path: string; readonly folder: Folder } | undefined;
  readonly #witnesses = new Map<string, string>();
  readonly #others = new LeftOut();
  #steady = true;
  #images = 0;
  #folders = 0;
  #entries = 0;
  #hasTold = false;
  #told = performance.now();
  #paused = performance.now();

  constructor(place: string, onListing?: OnListing | undefined) {
    this.#place = place;
    this.#onListing = onListing;
  }

  /** The state of all that was read, by absolute path; undefined where a change could go unnoticed. */
  get witnesses(): ReadonlyMap<string, string> | undefined {
    return this.#steady ? this.#witnesses : undefined;
  }

  /** Notes a folder or file that is about to be read; gives what it is, whatever path leads to it. */
  watch(path: string): string {
    let seen: FileState;
    try {
      seen = fileState(path);
    } catch (error) {
      throw unreadable(path, error);
    }
    if (seen.young) this.#steady = false;
    this.#note(path, witnessOf(seen));
    return seen.identity;
  }

  /** A folder near the top, which is kept for a second reader. */
  async top(path: string): Promise<Folder> {
    const folder = this.#kept.get(path) ?? (await this.folder(path));
    this.#kept.set(path, folder);
    return folder;
  }

  async folder(path: string): Promise<Folder> {
    const kept = this.#kept.get(path);
    if (kept) return kept;
    this.watch(path);
    const folder = await this.read(path);
    this.#spare = { path, folder };
    return folder;
  }

  /** As `folder`, of one that is watched already. */
  async read(path: string): Promise<Folder> {
    const spare = this.#spare;
    if (spare?.path === path) {
      this.#spare = undefined;
      return spare.folder;
    }
    const found: Folder = { folders: [], images: [], archives: [] };
    this.#folders++;
    for (const entry of entriesOf(path)) {
      if (++this.#entries % LOOK_EVERY === 0) await this.pause();
      const { name } = entry;
      if (name.startsWith('.') || SYSTEM.has(name)) continue;
      if (name.includes('\ufffd') && !existsSync(join(path, name))) throw noUtf8(path, name);
      const link = entry.isSymbolicLink();
      if (link ? this.#leadsToFolder(join(path, name)) : entry.isDirectory()) found.folders.push(name);
      // A dangling link or a pipe with an image's name stays: it is reported as a bad image, not dropped in silence.
      else if (isImageName(name)) found.images.push(name);
      else if (isArchiveName(name)) found.archives.push(name);
      else if (entry.isFile()) this.#others.add(path, name);
    }
    this.#images += found.images.length;
    for (const names of Object.values(found) as string[][]) sortByCodePoint(names);
    return found;
  }

  /** Which pictures were not taken, in words; undefined where there are none. */
  leftOut(): string | undefined {
    return this.#others.words(this.#images);
  }

  /** Counts images of an archive. */
  async found(images: number): Promise<void> {
    this.#images += images;
    await this.pause();
  }

  /** Lets others run and tells how far it is, where it is time. */
  async pause(): Promise<void> {
    const now = performance.now();
    if (now - this.#told > TELL_MS) {
      this.#told = now;
      this.#hasTold = true;
      this.#tell(false);
    }
    if (now - this.#paused < HOLD_MS) return;
    await setImmediate();
    this.#paused = performance.now();
  }

  /** To be called when all is listed. */
  end(): void {
    if (this.#hasTold) this.#tell(true);
  }

  #tell(done: boolean): void {
    this.#onListing?.({ type: 'listing', place: this.#place, images: this.#images, folders: this.#folders, done });
  }

  /** False also for a link that leads nowhere or in a circle. */
  #leadsToFolder(path: string): boolean {
    if (isFolder(path)) return true;
    // It may lead to a folder later: a disk that is mounted then. That an image becomes a folder is not looked for.
    if (!isImageName(path)) this.#note(path, NO_FOLDER);
    return false;
  }

  #note(path: string, state: string): void {
    if (this.#witnesses.size >= MOST_WITNESSES) this.#steady = false;
    else this.#witnesses.set(resolve(path), state);
  }
}

/** Whether all that a listing has read is as it was. */
export function unchanged(witnesses: Iterable<readonly [string, string]>): boolean {
  for (const [path, state] of witnesses) {
    try {
      if (state === NO_FOLDER ? isFolder(path) : witnessOf(fileState(path)) !== state) return false;
    } catch {
      return false;
    }
  }
  return true;
}

/** With the disk that it lies on: another may be mounted there. */
const witnessOf = ({ identity, state }: FileState): string => `${identity} ${state}`;

/** The entries of a folder, a few at a time: of a million, no million objects are alive at once. */
function* entriesOf(path: string) {
  let dir: ReturnType<typeof opendirSync> | undefined;
  try {
    dir = opendirSync(path, { bufferSize: ENTRIES });
    for (let entry = dir.readSync(); entry; entry = dir.readSync()) yield entry;
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    dir?.closeSync();
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function noUtf8(path: string, name: string): UserError {
  return new UserError(
    `${join(path, name)}: wanted names in UTF-8, got one in another encoding (shown with U+FFFD). Rename it, or unpack its archive again with the encoding of its names`,
  );
}

export function unreadable(path: string, error: unknown): UserError {
  const refusal = fileError(error, path, 'read it');
  if (refusal instanceof MachineError) return refusal;
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new UserError(
    `${path}: wanted a folder or file that can be read, got ${code}. Check its permissions and links`,
  );
}

import type { Content, Contents } from '../formats/disk/content.ts';

/** A file that only grows. What `append` has returned from survives a kill of the process; what `sync` has, a power cut. */
export interface AppendFile {
  /** A failed one leaves no half-written piece behind. */
  append(content: string | Uint8Array): void;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The folder of a run as named blobs: a folder of Node's file system, of a browser, of memory. Paths have forward slashes and are
 * below it.
 * @throws UserError from every call where the disk refuses.
 */
export interface RunFiles {
  /** What messages and results call the folder. */
  readonly name: string;
  /** Undefined where there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Whether there is such a folder, or what a kill in the middle of `replaceFolder` left of it. */
  hasFolder(path: string): Promise<boolean>;
  /** The names in a folder, without the lock and what a killed writer left; none where there is no folder. */
  list(path: string): Promise<readonly string[]>;
  /** At any kill the file holds either its old bytes or all of the new ones. */
  replace(path: string, content: Content): Promise<void>;
  /** At any kill either the old or the new folder is there, and whole. */
  replaceFolder(path: string, contents: Contents): Promise<void>;
  /** @param flags `a` goes on with a file that may be there; `ax` insists on a new one. */
  append(path: string, flags: 'a' | 'ax'): AppendFile;
  /**
   * Makes the folder and keeps all others out until it is released; puts back what a kill in the middle of `replaceFolder` left of
   * `folders`.
   * @throws UserError where another has it.
   */
  lock(folders: readonly string[]): Promise<() => Promise<void>>;
  /** Looks whether another has it, and touches nothing. @throws UserError as `lock`. */
  throwIfLocked(): Promise<void>;
}

/** What messages call a file. */
export const placeOf = ({ name }: RunFiles, path: string): string => `${name}/${path}`;

/** A file as text, '' where there is none. */
export async function readText(files: RunFiles, path: string): Promise<string> {
  const bytes = await files.read(path);
  return bytes === undefined ? '' : new TextDecoder().decode(bytes);
}

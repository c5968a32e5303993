import { brief } from '../graph/errors.ts';

/**
 * Where an image's bytes lie: a file, or a span of a file that holds many (a tar shard). An address is one string, so that a
 * list of a million stays a list of strings; of a span it is `container NUL offset NUL length NUL name`, and as no file name
 * holds a NUL, no path is mistaken for one.
 */
export interface Span {
  readonly container: string;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  /** What the image is called in its container. */
  readonly name: string;
}

const NUL = '\0';

export function spanAddress({ container, offset, length, name }: Span): string {
  // Addresses are joined to folders as paths are: a name must not climb.
  const safe = name.split(/[/\\]/).filter((part) => part !== '' && part !== '.' && part !== '..');
  // Padded, so that the order of addresses is the order in the container.
  return [container, String(offset).padStart(16, '0'), length, safe.join('/')].join(NUL);
}

/** The span that an address stands for, or undefined where it is a file's path. */
export function spanOf(address: string): Span | undefined {
  if (!address.includes(NUL)) return undefined;
  const [container, offset, length, name] = address.split(NUL) as [string, string, string, string];
  return { container, offset: Number(offset), length: Number(length), name };
}

/** An address for people: `shards/a.tar: dog/0001.jpg`. */
export function showAddress(address: string): string {
  const span = spanOf(address);
  return span ? `${span.container}: ${span.name}` : address;
}

/** The address of an image of a list: its path below the list's root. */
export const addressIn = (root: string, path: string): string =>
  root === '' || root === '.' ? path : `${root.replace(/\/+$/, '')}/${path}`;

/** Characters of a path that a message shows: more than that is no path. */
const LONGEST_NAME = 1024;

/** The same, cut where a table names something that is no path. */
export const briefAddress = (address: string): string => brief(showAddress(address), LONGEST_NAME);

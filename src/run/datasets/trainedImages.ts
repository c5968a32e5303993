import { showAddress } from '../../data/address.ts';
import type { Host } from '../../host/host.ts';
import type { RunData } from './runData.ts';

/**
 * The images of a run, one JSON array a line: path, classes, "train" or "val", and size and time of the file where that is known. By
 * it a resume says what has changed. Older runs have no third item for "train", and no fourth.
 */
const FILE = 'images.jsonl.gz';
/** Names that a message shows of each kind. */
const SHOWN = 3;

type Listed = Pick<RunData, 'train' | 'val' | 'classes' | 'stamps'>;
type Line = readonly [path: string, label: string, of?: 'train' | 'val', stamp?: string];
type Which = 'train' | 'val';

type Folder = Pick<Host, 'files' | 'gzip' | 'gunzip'>;

export async function writeTrainedImages({ files, gzip }: Folder, data: Listed): Promise<void> {
  const lines: string[] = [];
  for (const which of ['train', 'val'] as const) {
    const stamps = await data.stamps?.(data[which]);
    let i = 0;
    for (const [path, label] of labels(data, which)) {
      const line: Line = [path, label, which, ...(stamps ? [stamps[i++]!] : [])] as unknown as Line;
      lines.push(`${JSON.stringify(line)}\n`);
    }
  }
  await files.replace(FILE, await gzip(lines.join('')));
}

/**
 * What is different from the training or validation images that the run began with: ": 2 are new (a/1.png, a/2.png), 1 is gone
 * (b/3.png)". Of a run whose list is missing (an older one) or damaged, how many there are now.
 */
export async function changesSince({ files, gunzip }: Folder, data: Listed, which: Which): Promise<string> {
  let before: Map<string, string>;
  try {
    before = new Map((await linesOf({ files, gunzip }, which)).map(([path, label]) => [path, label]));
  } catch {
    return ` (${data[which].paths.length} now)`;
  }
  const [fresh, other]: [string[], string[]] = [[], []];
  for (const [path, label] of labels(data, which)) {
    const was = before.get(path);
    if (was === undefined) fresh.push(showAddress(path));
    else if (was !== label)
      other.push(`${showAddress(path)}: was ${was || 'of no class'}, is ${label || 'of no class'}`);
    before.delete(path);
  }
  const gone = [...before.keys()].map(showAddress);
  const parts = [
    told(fresh, 'is new', 'are new'),
    told(gone, 'is gone', 'are gone'),
    told(other, 'has another class', 'have another class'),
  ];
  return `: ${parts.filter((part) => part !== '').join(', ') || 'their classes stand in another order'}`;
}

/** Images that have other contents than when the run began, as far as their files tell. */
export interface OtherContents {
  /** Files of another size, in words; empty where there are none. */
  readonly changed: string;
  /** Files of the same size that were written at another time. */
  readonly touched: string;
}

/** Compares size and time of each image's file with what they were; nothing is found of a run that did not keep them. */
export async function contentsSince(
  { files, gunzip }: Pick<Folder, 'files' | 'gunzip'>,
  data: Listed,
  which: Which,
): Promise<OtherContents> {
  const stamps = await data.stamps?.(data[which]);
  const lines = stamps ? await linesOf({ files, gunzip }, which).catch(() => []) : [];
  const before = new Map(lines.map(([path, , , stamp]) => [path, stamp]));
  const [changed, touched]: [string[], string[]] = [[], []];
  for (const [i, path] of data[which].paths.entries()) {
    const [was, is] = [before.get(path), stamps?.[i]];
    if (!was || is === undefined || was === is) continue;
    (was.split(' ')[0] === is.split(' ')[0] ? touched : changed).push(showAddress(path));
  }
  return {
    changed: told(changed, 'has other contents', 'have other contents'),
    touched: told(touched, 'was written anew', 'were written anew'),
  };
}

async function linesOf({ files, gunzip }: Pick<Folder, 'files' | 'gunzip'>, which: Which): Promise<Line[]> {
  const text = await gunzip((await files.read(FILE))!);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Line).filter(([, , of = 'train']) => of === which);
}

function told(names: readonly string[], one: string, several: string): string {
  if (names.length === 0) return '';
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : '';
  return `${names.length} ${names.length === 1 ? one : several} (${names.slice(0, SHOWN).join(', ')}${more})`;
}

function* labels({ classes, ...lists }: Listed, which: Which): Generator<[string, string]> {
  const { paths, labels: single, sets } = lists[which];
  for (const [i, path] of paths.entries()) {
    const set = sets?.[i] ?? [single[i]!];
    yield [path, set.flatMap((k) => classes[k] ?? []).join(';')];
  }
}

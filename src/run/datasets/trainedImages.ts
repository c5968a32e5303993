import { showAddress } from '../../data/address.ts';
import type { Host } from '../../host/host.ts';
import type { RunData } from './runData.ts';

/** The images of a run, their classes and "val" if they validate, one JSON array a line: by it a resume says what has changed. */
const FILE = 'images.jsonl.gz';
/** Names that a message shows of each kind. */
const SHOWN = 3;

type Listed = Pick<RunData, 'train' | 'val' | 'classes'>;
type Which = 'train' | 'val';

type Folder = Pick<Host, 'files' | 'gzip' | 'gunzip'>;

export async function writeTrainedImages({ files, gzip }: Folder, data: Listed): Promise<void> {
  const lines: string[] = [];
  for (const [path, label] of labels(data, 'train')) lines.push(`${JSON.stringify([path, label])}\n`);
  for (const [path, label] of labels(data, 'val')) lines.push(`${JSON.stringify([path, label, 'val'])}\n`);
  await files.replace(FILE, await gzip(lines.join('')));
}

/**
 * What is different from the training or validation images that the run began with: ": 2 are new (a/1.png, a/2.png), 1 is gone
 * (b/3.png)". Of a run whose list is missing (an older one) or damaged, how many there are now.
 */
export async function changesSince({ files, gunzip }: Folder, data: Listed, which: Which): Promise<string> {
  let before: Map<string, string>;
  try {
    const text = await gunzip((await files.read(FILE))!);
    before = new Map(
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as [string, string, 'val'?])
        .filter(([, , of]) => (of ?? 'train') === which)
        .map(([path, label]) => [path, label]),
    );
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

import { MachineError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import { join } from 'node:path';
import { largest, smallest } from '../../graph/lists.ts';
import { findDuplicates, THUMBNAIL } from '../../analysis/duplicates.ts';
import { showAddress } from '../../data/address.ts';
import { greyThumbnail } from '../../data/images/decodeNode.ts';
import type { ImageList } from '../../data/dataset.ts';
import { subset } from '../../data/dataset.ts';
import { type RunData, trainLabelled } from '../datasets/runData.ts';
import type { Finding } from './finding.ts';

/** Images that are looked at, at most, and for how long. */
const LIMIT = { images: 6000, seconds: 20 } as const;
/** Files that are decoded at once; sharp has threads of its own. */
const LANES = 4;
const SHOWN = 3;

interface Looked {
  readonly part: 'train' | 'val';
  readonly path: string;
  /** Its classes as they are shown; empty without a label. */
  readonly label: string;
  readonly thumbnail: Uint8Array;
}

/** Reads as many images as time allows, spread over both parts and all classes, and says what is wrong with them. */
export async function examineImages({ train, val, classes }: RunData): Promise<Finding[]> {
  const until = performance.now() + LIMIT.seconds * 1000;
  const share = Math.min(1, LIMIT.images / (train.paths.length + val.paths.length));
  const bad: string[] = [];
  const looked: Looked[] = [];
  const sample = (list: ImageList) => subset(list, { count: Math.ceil(share * list.paths.length) }, 0);
  const work = interleave(sample(val), sample(train));
  const lane = async () => {
    for (let next = work.next(); !next.done && performance.now() < until; next = work.next()) {
      const { part, list, index } = next.value;
      const path = list.paths[index]!;
      try {
        looked.push({
          part,
          path,
          label: labelOf(list, index, classes),
          thumbnail: await greyThumbnail(join(list.root, path), THUMBNAIL),
        });
      } catch (error) {
        if (error instanceof MachineError) throw error;
        bad.push((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const total = train.paths.length + val.paths.length;
  const seen = { count: looked.length + bad.length, total };
  return [unreadable(bad, seen), ...repeats(looked, among(seen))];
}

/** Both lists in turn, so that a cut by time leaves neither out. */
function* interleave(val: ImageList, train: ImageList) {
  const count = Math.max(val.paths.length, train.paths.length);
  for (let index = 0; index < count; index++) {
    if (index < val.paths.length) yield { part: 'val' as const, list: val, index };
    if (index < train.paths.length) yield { part: 'train' as const, list: train, index };
  }
}

interface Seen {
  readonly count: number;
  /** Images that there are. */
  readonly total: number;
}

const among = ({ count, total }: Seen): string =>
  count === total ? `all ${total} images` : `${count} of the ${total} images`;

function unreadable(bad: readonly string[], seen: Seen): Finding {
  if (bad.length === 0) return { level: 'ok', about: 'images', text: `${among(seen)} read, none is broken` };
  const looked = seen.count === seen.total ? `${seen.total} images` : `${among(seen)} looked at`;
  return {
    level: 'warning',
    about: 'images',
    text: `${bad.length} of ${looked} cannot be read:${lines(bad)}`,
    remedy: 'Replace or delete them; a run skips up to data.maxBadFraction of them',
  };
}

const labelOf = ({ labels, sets }: ImageList, index: number, classes: readonly string[]): string =>
  (sets?.[index] ?? [labels[index]!]).flatMap((k) => classes[k] ?? []).join(';');

function repeats(looked: readonly Looked[], seen: string): Finding[] {
  // In a fixed order: what is found must not depend on which file was read first.
  const sorted = [...looked].sort((a, b) =>
    a.part === b.part ? (a.path < b.path ? -1 : 1) : a.part === 'train' ? -1 : 1,
  );
  const groups = findDuplicates(sorted.map(({ thumbnail }) => thumbnail)).map((group) => group.map((i) => sorted[i]!));
  const leaks = groups.filter((group) => new Set(group.map(({ part }) => part)).size > 1);
  const torn = groups.filter((group) => new Set(group.map(({ label }) => label)).size > 1);
  const copies = groups.reduce((sum, group) => sum + group.length - 1, 0);
  const shown = ({ path, label }: Looked) => showAddress(path) + (label === '' ? '' : ` (${label})`);
  /** The first of each group, and the first that is unlike it in what was found. */
  const names = (found: readonly Looked[][], unlike: (a: Looked, b: Looked) => boolean) =>
    lines(found.map((group) => `${shown(group[0]!)} = ${shown(group.find((one) => unlike(group[0]!, one))!)}`));
  const findings: Finding[] = [];
  if (leaks.length > 0)
    findings.push({
      level: 'warning',
      about: 'leaks',
      text: `${leaks.length} pictures are in the training and in the validation part:${names(leaks, (a, b) => a.part !== b.part)}`,
      remedy: 'Delete them from one part: accuracy on them says nothing',
    });
  if (torn.length > 0)
    findings.push({
      level: 'warning',
      about: 'labels',
      text: `${torn.length} pictures have two classes:${names(torn, (a, b) => a.label !== b.label)}`,
      remedy: 'Look at them and keep one label',
    });
  const text = `${copies === 1 ? 'one image repeats' : `${copies} images repeat`} another (scaled or compressed again), among ${seen}`;
  if (copies > 0)
    findings.push({ level: 'note', about: 'repeats', text: `${text}:${names(groups, (a, b) => a !== b)}` });
  else findings.push({ level: 'ok', about: 'repeats', text: `no picture twice among ${seen}` });
  return findings;
}

/** How the classes are filled. */
export function examineClasses(data: RunData): Finding[] {
  const { labelled, classes, train, val, splitSource, notes } = data;
  const parts = `${train.paths.length} training and ${val.paths.length} validation images`;
  const taken = notes.map((text): Finding => ({ level: 'note', about: 'data', text }));
  if (!trainLabelled(data)) {
    const judged = labelled ? `; the validation images have ${classes.length} classes` : '';
    return [
      ...taken,
      { level: 'note', about: 'data', text: `${parts}, no labels to learn from: only methods that need none${judged}` },
    ];
  }
  const count = (list: ImageList) => {
    const counts = new Array<number>(classes.length).fill(0);
    for (const set of list.sets ?? Array.from(list.labels, (label) => [label])) for (const k of set) counts[k]!++;
    return counts;
  };
  const [inTrain, inVal] = [count(train), count(val)];
  const [least, most] = [smallest(inTrain), largest(inTrain)];
  const range = `${least} to ${most} training images a class`;
  const findings: Finding[] = [
    ...taken,
    {
      level: 'ok',
      about: 'data',
      text: `${parts} (${splitSource === 'seeded' ? 'split by the seed' : 'split by the data'}), ${classes.length} classes${severalOf(train)}`,
    },
    most > 10 * least
      ? {
          level: 'warning',
          about: 'balance',
          text: `${range}; fewest: ${fewest(classes, inTrain)}`,
          remedy: 'Add images of these classes, and look at accuracy by class (understudy eval), not at the mean alone',
        }
      : { level: 'ok', about: 'balance', text: range },
  ];
  const unseen = classes.filter((_, i) => inVal[i] === 0);
  if (unseen.length > 0)
    findings.push({
      level: 'warning',
      about: 'validation',
      text: `${unseen.length} classes have no validation image: ${listNames(unseen)}`,
      remedy: 'Put some of their images into the validation part',
    });
  return findings;
}

/** How many classes the images of multilabel data have. */
function severalOf({ sets }: ImageList): string {
  if (!sets) return '';
  const none = sets.filter((set) => set.length === 0).length;
  const mean = sets.reduce((sum, set) => sum + set.length, 0) / sets.length;
  return `, several an image (multilabel): ${mean.toFixed(1)} on average, ${none} training images of none`;
}

function fewest(classes: readonly string[], counts: readonly number[]): string {
  const order = counts.map((count, i) => ({ count, name: classes[i]! })).sort((a, b) => a.count - b.count);
  return order
    .slice(0, SHOWN)
    .map(({ count, name }) => `${name} (${count})`)
    .join(', ');
}

function lines(texts: readonly string[]): string {
  const more = texts.length > SHOWN ? `\n  and ${texts.length - SHOWN} more` : '';
  return (
    texts
      .slice(0, SHOWN)
      .map((text) => `\n  ${text}`)
      .join('') + more
  );
}

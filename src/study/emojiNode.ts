import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { type Emoji, splitEmoji } from './emojiSplit.ts';
import { npmPack, type Obtain, readPackage } from './npmPackNode.ts';

/** Whose drawings of which emoji train and judge, by the name of the set that a study prepares. */
const SETS = {
  /** Two drawings of every emoji, those of a fifth of the emoji to judge. */
  emoji: { train: { of: ['train'], by: ['google', 'twitter'] }, val: { of: ['val'], by: ['google', 'twitter'] } },
  /** Two drawings of every emoji, and a new hand's of every emoji to judge. */
  emojiThird: {
    train: { of: ['train', 'val'], by: ['google', 'twitter'] },
    val: { of: ['train', 'val'], by: ['facebook'] },
  },
} as const;
/** Pinned, so that the images of a study stay what they were. */
const VERSION = '16.0.0';

/**
 * Writes the emoji of npm packages as a class folder, `train/<category>/` and `val/<category>/`: 64 px PNGs, transparent as
 * they come (the decoder lays them over white). A folder that is already there is left alone.
 * Our choice: no skin variations, which are all but copies and would make `People & Body` half of the images.
 */
export async function writeEmojiFolder(
  dir: string,
  which: keyof typeof SETS = 'emoji',
  obtain: Obtain = npmPack,
): Promise<void> {
  if (existsSync(dir)) return;
  const packages = join(dirname(dir), 'packages');
  const files = new Map<string, Buffer>();
  let list: Buffer | undefined;
  const { train, val } = SETS[which];
  for (const set of new Set([...train.by, ...val.by])) {
    const tarball = await obtain({ name: `emoji-datasource-${set}`, version: VERSION }, packages);
    const images = await readPackage(tarball, (path) => path === 'emoji.json' || path.startsWith(`img/${set}/64/`));
    list ??= images.get('emoji.json');
    for (const [path, bytes] of images) files.set(path, bytes);
  }
  const halves = splitEmoji(emojiOf(list, packages));
  await replaceFolderAtomic(dir, async (folder) => {
    for (const [part, { of, by }] of Object.entries({ train, val }))
      for (const half of of)
        for (const one of halves[half]) await writeDrawings(join(folder, part, one.category), one, by, files);
  });
}

async function writeDrawings(
  folder: string,
  { image }: Emoji,
  vendors: readonly string[],
  files: ReadonlyMap<string, Buffer>,
): Promise<void> {
  for (const set of vendors) {
    const bytes = files.get(`img/${set}/64/${image}`);
    if (!bytes) continue;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, image.replace(/\.png$/, `-${set}.png`)), bytes);
  }
}

function emojiOf(list: Buffer | undefined, packages: string): Emoji[] {
  try {
    // Drawings of skin tones and hair alone are parts, not emoji.
    return (JSON.parse(list!.toString('utf8')) as Emoji[]).filter(({ category }) => category !== 'Component');
  } catch {
    throw new UserError(
      `prepare: emoji: wanted a list of emoji in emoji.json of the packages in ${packages}, got none; delete that folder and try again`,
    );
  }
}

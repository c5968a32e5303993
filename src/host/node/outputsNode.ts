import { join, resolve } from 'node:path';
import { imageKeys } from '../../store/imageKeysNode.ts';
import { addressOf, OutputStore } from '../../store/outputStoreNode.ts';
import { storeFolder } from '../../store/storeFolderNode.ts';
import type { OutputKeeper } from '../host.ts';

/** Teacher outputs in shards on the disk. */
export const outputKeeper: OutputKeeper = {
  where: storeFolder,
  open: async ({ dir: given, maxBytes, columns, list, warn }) => {
    const dir = storeFolder(given);
    const images = await imageKeys(list, join(dir, 'images', `${addressOf(resolve(list.root))}.jsonl`));
    const addressed = columns.map(({ name, length, of }) => ({ name, length, address: addressOf(...of) }));
    return new OutputStore({ dir, maxBytes, columns: addressed, images, warn });
  },
};

import { Hono } from 'hono';
import { heldShards } from '../data/caches/diskHoldsNode.ts';
import { imageCacheFolder } from '../data/caches/imageCacheFolderNode.ts';
import { cleanShards, describeShards } from '../formats/disk/shardFolderNode.ts';
import { UserError } from '../graph/errors.ts';
import { storeFolder } from '../store/storeFolderNode.ts';
import type { StoreView } from './answers.ts';
import { NotThere } from './library/library.ts';

const STORES = [
  {
    id: 'teacher',
    name: 'Teacher outputs',
    what: 'What teachers said of images, so that they need not be asked again.',
    line: 'understudy store',
    folder: storeFolder,
  },
  {
    id: 'images',
    name: 'Decoded images',
    what: 'Pixels of images, for runs with data.cache=disk.',
    line: 'understudy store --images',
    folder: imageCacheFolder,
  },
] as const;

/** The user's stores and caches: how large they are, and emptying them, as `understudy store` does. */
export function storeRoutes(folderOf: (store: (typeof STORES)[number]) => string = ({ folder }) => folder()): Hono {
  const app = new Hono();
  const view = (store: (typeof STORES)[number]): StoreView => {
    const { id, name, what, line } = store;
    const dir = folderOf(store);
    const { bytes, shards, lastUse } = describeShards(dir);
    return { id, name, what, line, dir, bytes, files: shards, lastUse: lastUse?.getTime() ?? null };
  };
  app.get('/', (context) => context.json({ stores: STORES.map(view) }));
  app.post('/:id/clean', async (context) => {
    const store = STORES.find(({ id }) => id === context.req.param('id'));
    if (!store) throw new NotThere(`store ${context.req.param('id')}: there is none`);
    const { confirm } = (await context.req.json()) as { confirm?: unknown };
    if (confirm !== store.id) throw new UserError(`confirm: wanted "${store.id}", the store that is to be emptied`);
    const dir = folderOf(store);
    const { deleted } = cleanShards(dir, { maxBytes: 0, keep: heldShards(dir) });
    return context.json({ deleted, store: view(store) });
  });
  return app;
}

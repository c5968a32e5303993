import { command, jsonFlag } from '../command.ts';

export const store = command({
  meta: { name: 'store', description: 'Show or clean the folder of kept teacher outputs, or of decoded images' },
  args: {
    dir: {
      type: 'string',
      valueHint: 'DIR',
      description: 'The folder (teacher.store.dir, data.cacheDir); default: that of the user',
    },
    images: { type: 'boolean', description: 'The folder of decoded images (data.cache=disk) instead' },
    clean: {
      type: 'string',
      valueHint: 'GB',
      description:
        'Delete what was not used for longest until so many gigabytes are left; 0 deletes all but the decoded images of live runs',
    },
    json: jsonFlag,
  },
  examples: ['understudy store', 'understudy store --clean 5', 'understudy store --images'],
  run: async ({ args }) => {
    const { UserError } = await import('../../graph/errors.ts');
    const { cleanShards, describeShards } = await import('../../formats/disk/shardFolderNode.ts');
    const { heldShards } = await import('../../data/caches/diskHoldsNode.ts');
    const folder = args.images
      ? (await import('../../data/caches/imageCacheFolderNode.ts')).imageCacheFolder
      : (await import('../../store/storeFolderNode.ts')).storeFolder;
    const dir = folder(args.dir ?? null);
    const limit = args.clean === undefined ? undefined : Number(args.clean);
    if (limit !== undefined && !(args.clean!.trim() !== '' && limit >= 0))
      throw new UserError(`--clean: wanted a number of gigabytes from 0 on, got "${args.clean}"`);
    const deleted =
      limit === undefined ? 0 : cleanShards(dir, { maxBytes: limit * 1e9, keep: heldShards(dir) }).deleted;
    const { bytes: size, shards, lastUse } = describeShards(dir);
    const { bytes, print, printJson, table } = await import('../text.ts');
    if (args.json) {
      printJson({ dir, bytes: size, shards, lastUse: lastUse ?? null, deleted });
      return;
    }
    const rows = [
      ['folder', dir],
      ['size', `${bytes(size)} in ${shards} ${shards === 1 ? 'file' : 'files'}`],
      ['last used', lastUse ? lastUse.toISOString().slice(0, 16).replace('T', ' ') : 'never'],
      ...(limit === undefined ? [] : [['deleted', bytes(deleted)]]),
    ];
    print(table(rows));
  },
});

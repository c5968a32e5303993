import { UserError } from '../../graph/errors.ts';
import { valuesOf } from '../arguments.ts';
import { command, jsonFlag } from '../command.ts';
import { shardFlag, shardOf } from '../shard.ts';
import { trainingFlags } from '../trainingFlags.ts';

const { config, set, epochs, batch, seed, fraction } = trainingFlags;

/** Flags that would be passed over in silence without --fill. */
const FILL_ONLY = [
  'data',
  'teacher',
  'student',
  'method',
  'config',
  'set',
  'epochs',
  'batch',
  'seed',
  'fraction',
  'shard',
];

export const store = command({
  meta: { name: 'store', description: 'Show, fill or clean the folder of kept teacher outputs, or of decoded images' },
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
    fill: {
      type: 'boolean',
      default: false,
      description:
        'Compute what the teacher of a run says of its images, before the run; the flags below are as of distill',
    },
    data: { type: 'string', valueHint: 'DIR', description: 'With --fill: the images (data.dir)' },
    teacher: { type: 'string', valueHint: 'REF', description: 'With --fill: a trained model (teacher)' },
    student: { type: 'string', valueHint: 'NAME', description: 'With --fill: the student of the run (student.name)' },
    method: { type: 'string', valueHint: 'NAME', description: 'With --fill: the method of the run (method)' },
    ...{ config, set, epochs, batch, seed, fraction },
    shard: shardFlag,
    json: jsonFlag,
  },
  repeatable: ['set'],
  notes: [
    'With --fill any number of processes, on one machine or on many that share the folder, take parts of the images in turn. Give\nthe settings of the run, data.views among them: what its teacher is shown depends on them. The same command goes on.',
  ],
  examples: [
    'understudy store',
    'understudy store --clean 5',
    'understudy store --images',
    'understudy store --fill --data photos --teacher runs/teacher --student vit_tiny_patch4 --method kd --set data.views=4',
  ],
  run: async ({ args, rawArgs }) => {
    if (args.fill) {
      if (args.images || args.clean !== undefined)
        throw new UserError('--fill: wanted without --images and --clean; give one at a time');
      const { trainingInput } = await import('../trainingInput.ts');
      const { runFill } = await import('../fillStore.ts');
      const named = {
        ...{ 'data.dir': args.data, teacher: args.teacher, 'student.name': args.student, method: args.method },
        'teacher.store.dir': args.dir,
      };
      const input = await trainingInput({ ...args, images: undefined }, named, valuesOf(store, rawArgs, 'set'));
      return runFill(input, shardOf(args.shard, process.env), args.json);
    }
    for (const flag of FILL_ONLY)
      if (rawArgs.some((arg) => arg === `--${flag}` || arg.startsWith(`--${flag}=`)))
        throw new UserError(`--${flag}: wanted with --fill only, got it without`);
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

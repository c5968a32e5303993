import { UserError } from '../graph/errors.ts';
import { wholeNumber } from './arguments.ts';
import { runDataFree } from './runDataFree.ts';
import { synthesisInput } from './synthesisInput.ts';
import { deviceNamed, type TrainingArgs, trainingInput } from './trainingInput.ts';

/** What is typed, as text. */
export interface DataFreeArgs extends TrainingArgs {
  readonly data?: string | undefined;
  readonly teacher?: string | undefined;
  readonly student?: string | undefined;
  readonly method?: string | undefined;
  readonly out?: string | undefined;
  readonly preset: string;
  readonly 'images-dir'?: string | undefined;
  readonly 'adi-rounds': string;
  readonly device: string;
  readonly resume: boolean;
  readonly json: boolean;
}

/** `--set synthesis.feature=5` is the synthesis's; all else is the run's. */
const SECTION = 'synthesis.';

/** `distill --data-free`. */
export async function withoutData(args: DataFreeArgs, sets: readonly string[], example: string): Promise<number> {
  const { teacher, student, images, data, out } = args;
  if (teacher === undefined || student === undefined || images === undefined) {
    const missing = Object.entries({ teacher, student, images }).filter(([, value]) => value === undefined);
    const names = missing.map(([flag]) => `--${flag}`).join(', ');
    throw new UserError(`understudy distill --data-free: missing ${names}; for example: ${example}`);
  }
  if (args.fraction !== undefined)
    throw new UserError('--fraction: wanted without --data-free; give the number of images: --images N');
  if (args.resume)
    throw new UserError('--resume: not needed with --data-free: the same command goes on with what was interrupted');
  const own = sets.filter((set) => set.startsWith(SECTION)).map((set) => set.slice(SECTION.length));
  const rest = sets.filter((set) => !set.startsWith(SECTION));
  const settings = await trainingInput({ ...args, images: undefined }, { method: args.method }, rest);
  const options = {
    teacher,
    student,
    images: wholeNumber('images', images, 1),
    rounds: wholeNumber('adi-rounds', args['adi-rounds'], 1),
    synthesis: synthesisInput(args.preset, own),
    settings,
    device: deviceNamed(args.device),
    ...(data === undefined ? {} : { data }),
    ...(out === undefined ? {} : { out }),
    ...(args['images-dir'] === undefined ? {} : { imagesDir: args['images-dir'] }),
  };
  return runDataFree(options, args.json);
}

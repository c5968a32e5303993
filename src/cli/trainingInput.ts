import { setOverride } from '../config/parse.ts';
import { UserError } from '../graph/errors.ts';
import { METHODS } from '../methods/index.ts';
import { unknownName } from '../graph/names.ts';
import { type Device, DEVICES } from '../engine/devices.ts';
import type { RunSettings } from '../run/training/runSettings.ts';
import { atLeastOne, wholeNumber } from './arguments.ts';
import { readConfigSource } from './configSource.ts';

/** What is typed, as text. */
export interface TrainingArgs {
  readonly config?: string | undefined;
  readonly epochs?: string | undefined;
  readonly budget?: string | undefined;
  readonly batch?: string | undefined;
  readonly seed?: string | undefined;
  readonly images?: string | undefined;
  readonly fraction?: string | undefined;
}

/** Settings from the file, then flags, then `--set`: what comes later wins. `named` are further flags by their key. */
export async function trainingInput(
  args: TrainingArgs,
  named: Readonly<Record<string, string | undefined>>,
  sets: readonly string[],
): Promise<RunSettings> {
  const input: Record<string, unknown> = args.config === undefined ? {} : await readConfigSource(args.config);
  const whole = (flag: 'epochs' | 'batch' | 'seed' | 'images', least: number) =>
    args[flag] === undefined ? undefined : wholeNumber(flag, args[flag], least);
  if (args.epochs !== undefined && args.budget !== undefined)
    throw new UserError('--budget chooses the epochs; leave --epochs or --budget out');
  const flags: Record<string, unknown> = {
    ...named,
    'train.epochs': args.epochs === undefined ? undefined : atLeastOne('epochs', args.epochs),
    'train.budget': args.budget,
    'train.batch': whole('batch', 1),
    'train.seed': whole('seed', Number.MIN_SAFE_INTEGER),
    'data.images': whole('images', 1),
    'data.fraction': args.fraction === undefined ? undefined : share(args.fraction),
  };
  for (const [key, value] of Object.entries(flags))
    if (value !== undefined) setOverride(input, `${key}=${JSON.stringify(value)}`);
  for (const assignment of sets) setOverride(input, withSection(assignment));
  return input as RunSettings;
}

/** `dearkd.beta=1` means `methods.dearkd.beta=1`. */
function withSection(assignment: string): string {
  const first = /^[^.=]+(?=\.)/.exec(assignment)?.[0];
  return first !== undefined && Object.hasOwn(METHODS, first) ? `methods.${assignment}` : assignment;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value <= 1))
    throw new UserError(`--fraction: wanted a number above 0 up to 1, got "${text}"`);
  return value;
}

/** The device by name; it is no setting of the run, which may go on on another one. */
export function deviceNamed(device: string): Device {
  if ((DEVICES as readonly string[]).includes(device)) return device as Device;
  throw unknownName('device', device, DEVICES);
}

import type { ShardPart } from '../formats/disk/shardMarkNode.ts';
import { UserError } from '../graph/errors.ts';

/** The flag of commands whose work can be made in parts. */
export const shardFlag = {
  type: 'string',
  valueHint: 'I/N',
  description:
    'Make part I (from 1) of N alone, in a folder of its own, where processes share no folder; "auto" (or auto/N) reads it from Slurm, Kubernetes or GNU parallel. understudy merge makes one of the parts',
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The part that `--shard` asks for; undefined where it is not given.
 * @throws UserError
 */
export function shardOf(text: string | undefined, environment: Environment): ShardPart | undefined {
  if (text === undefined) return undefined;
  const given = /^(auto|\d+)(?:\/(\d+))?$/.exec(text);
  if (!given || (given[1] !== 'auto' && given[2] === undefined))
    throw new UserError(`--shard: wanted I/N such as 2/8, or auto, got "${text}"`);
  const found = given[1] === 'auto' ? fromScheduler(environment) : { number: Number(given[1]), of: undefined };
  const of = given[2] === undefined ? found.of : Number(given[2]);
  if (of === undefined)
    throw new UserError(
      '--shard auto: wanted the number of parts too, which this scheduler does not say; give it: --shard auto/N',
    );
  if (!(Number.isSafeInteger(of) && of >= 1 && found.number >= 1 && found.number <= of))
    throw new UserError(`--shard: wanted a part from 1 to N, got ${found.number} of ${of}`);
  return { index: found.number - 1, of };
}

/**
 * Slurm's job arrays (sbatch(1): SLURM_ARRAY_TASK_ID, _MIN, _STEP, _COUNT), Kubernetes' Indexed Jobs (JOB_COMPLETION_INDEX from 0;
 * the number of completions is no variable of its own: our templates set JOB_COMPLETIONS), GNU parallel (PARALLEL_SEQ from 1).
 */
function fromScheduler(environment: Environment): { number: number; of: number | undefined } {
  const read = (name: string): number | undefined => {
    const text = environment[name];
    if (text === undefined || text === '') return undefined;
    if (!/^\d+$/.test(text)) throw new UserError(`--shard auto: wanted a whole number in ${name}, got "${text}"`);
    return Number(text);
  };
  const task = read('SLURM_ARRAY_TASK_ID');
  if (task !== undefined) {
    const place = (task - (read('SLURM_ARRAY_TASK_MIN') ?? 0)) / (read('SLURM_ARRAY_TASK_STEP') ?? 1);
    if (!Number.isSafeInteger(place))
      throw new UserError(
        '--shard auto: wanted a regular job array (--array=1-8, 0-14:2), got one whose step is not that of its tasks',
      );
    return { number: place + 1, of: read('SLURM_ARRAY_TASK_COUNT') };
  }
  const completion = read('JOB_COMPLETION_INDEX');
  if (completion !== undefined) return { number: completion + 1, of: read('JOB_COMPLETIONS') };
  const sequence = read('PARALLEL_SEQ');
  if (sequence !== undefined) return { number: sequence, of: undefined };
  throw new UserError(
    '--shard auto: wanted a job of Slurm (SLURM_ARRAY_TASK_ID), Kubernetes (JOB_COMPLETION_INDEX) or GNU parallel (PARALLEL_SEQ), got none of their variables; give the part: --shard 2/8',
  );
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../cluster/launchNode.ts';
import { UserError } from '../graph/errors.ts';
import { checkArguments } from './arguments.ts';
import { STATUS } from './outcome.ts';
import { remark, shellWord } from './text.ts';

export interface LaunchRequest {
  readonly ranks: number;
  readonly hosts: readonly string[];
  readonly restarts: number;
  readonly late: string | undefined;
  readonly limit: string | undefined;
  readonly mpirun: string;
  /** `distill` or `train` and its arguments. */
  readonly command: readonly string[];
}

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/** What a new start would not mend: a command that is wrong, and one that was to end. */
const FINAL: readonly number[] = [STATUS.done, STATUS.wrongUse, STATUS.interrupted, STATUS.terminated, STATUS.warned];

/** Runs a training on ranks to its end, with new starts from its last checkpoint; gives the exit status. */
export async function launchTraining(request: LaunchRequest): Promise<number> {
  const out = await checkedOut(request);
  const signals = forwardSignals();
  try {
    for (let left = request.restarts; ; left--) {
      const { status, lost } = await runOnce(request, out, signals.onStart);
      if (lost !== undefined) remark(`${lost}; the job has ended with status ${status}`);
      const ended = FINAL.includes(status) || left === 0 || signals.told();
      if (ended && lost !== undefined && out !== undefined) tellHowToGoOn(request, out);
      if (ended) return status;
      remark(`starting again from the last checkpoint (${left} of ${request.restarts} new starts left)`);
    }
  } finally {
    signals.stop();
  }
}

/** Of a run that has a checkpoint. */
function tellHowToGoOn({ ranks, hosts, command }: LaunchRequest, out: string): void {
  if (!existsSync(join(out, 'checkpoints', 'last'))) return;
  const on = hosts.length > 0 ? ` --hosts ${hosts.join(',')}` : '';
  remark(
    `Go on from the last checkpoint, on any number of ranks, with:\n  understudy launch --ranks ${ranks}${on} -- ${command[0]} --resume --out ${shellWord(out)}\n(--max-restarts does so by itself)`,
  );
}

/** The run folder, where the command names it. @throws UserError for what no rank could run */
async function checkedOut({ command: [name, ...args], restarts }: LaunchRequest): Promise<string | undefined> {
  const commands = {
    distill: async () => (await import('./commands/distill.ts')).distill,
    train: async () => (await import('./commands/train.ts')).train,
  };
  if (name !== 'distill' && name !== 'train')
    throw new UserError(
      `launch: wanted distill or train after --, got "${name}". Other commands share a folder between independent processes: docs/manyMachines.md`,
    );
  const tokens = checkArguments(await commands[name](), args);
  const givenFor = (flag: string) => tokens.find((token) => token.flag === flag)?.value;
  if (givenFor('data-free') === 'true')
    throw new UserError(
      'launch: --data-free makes its images in one process; make them with synthesize, and launch the distillation on them',
    );
  const out = givenFor('out');
  if (out === undefined && restarts > 0)
    throw new UserError('launch: --max-restarts goes on with the run in --out RUN; name it after --');
  return out;
}

function runOnce(
  { ranks, hosts, late, limit, mpirun, command }: LaunchRequest,
  out: string | undefined,
  onStart: (signal: (name: NodeJS.Signals) => void) => void,
) {
  const begun = out !== undefined && existsSync(join(out, 'config.yaml')) && !command.includes('--resume');
  const variables = {
    ...(late === undefined ? {} : { UNDERSTUDY_RANK_LATE: late }),
    ...(limit === undefined ? {} : { UNDERSTUDY_RANK_LIMIT: limit }),
  };
  const own = [process.execPath, MAIN, ...command, ...(begun ? ['--resume'] : [])];
  return launch({ ranks, hosts, mpirun, command: own, variables, tell: remark, onStart });
}

/** Signals go to the ranks as SIGUSR1, which launchers hand on: all save. A second one ends them. */
function forwardSignals() {
  let signal: ((name: NodeJS.Signals) => void) | undefined;
  let told = 0;
  const on = (): void => signal?.(told++ === 0 ? 'SIGUSR1' : 'SIGTERM');
  const names = ['SIGINT', 'SIGTERM', 'SIGUSR1'] as const;
  for (const name of names) process.on(name, on);
  return {
    onStart: (to: (name: NodeJS.Signals) => void) => {
      signal = to;
    },
    told: () => told > 0,
    stop: () => {
      for (const name of names) process.off(name, on);
    },
  };
}

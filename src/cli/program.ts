import { runCommand } from 'citty';
import { didYouMean } from '../graph/names.ts';
import { UserError } from '../graph/errors.ts';
import { release } from '../host/node/releaseNode.ts';
import { checkArguments } from './arguments.ts';
import type { CliCommand } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { reportError, STATUS } from './outcome.ts';
import { print, remark } from './text.ts';

export type Commands = Readonly<Record<string, () => Promise<CliCommand>>>;

/** Each loaded when it is asked for, in the order of the help. */
export const COMMANDS: Commands = {
  distill: async () => (await import('./commands/distill.ts')).distill,
  train: async () => (await import('./commands/train.ts')).train,
  tell: async () => (await import('./commands/tell.ts')).tell,
  launch: async () => (await import('./commands/launch.ts')).launchCommand,
  eval: async () => (await import('./commands/eval.ts')).evaluate,
  predict: async () => (await import('./commands/predict.ts')).predict,
  embed: async () => (await import('./commands/embed.ts')).embed,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  verify: async () => (await import('./commands/verify.ts')).verify,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  report: async () => (await import('./commands/report.ts')).report,
  synthesize: async () => (await import('./commands/synthesize.ts')).synthesizeCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  advise: async () => (await import('./commands/advise.ts')).advise,
  study: async () => (await import('./commands/study.ts')).study,
  merge: async () => (await import('./commands/merge.ts')).merge,
  store: async () => (await import('./commands/store.ts')).store,
  studio: async () => (await import('./commands/studio.ts')).studio,
  page: async () => (await import('./commands/page.ts')).page,
  quickstart: async () => (await import('./commands/quickstart.ts')).quickstart,
  list: async () => (await import('./commands/list.ts')).list,
};

/** Runs a command line and gives its exit status; what it has to say is written to stdout and stderr. */
export async function runProgram(args: readonly string[], commands: Commands = COMMANDS): Promise<number> {
  try {
    return await run(args, commands);
  } catch (error) {
    return reportError(error);
  }
}

async function run(args: readonly string[], commands: Commands): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    remark(await help(commands));
    return STATUS.wrongUse;
  }
  if (name === 'help' && rest[0] !== undefined) return run([rest[0], '--help'], commands);
  if (['--help', '-h', 'help'].includes(name)) return answer(await help(commands));
  if (name === '--version' || name === '-v') return answer(release());
  const command = await findCommand(name, commands);
  if (asksForHelp(rest)) return answer(commandHelp(command));
  checkArguments(command, rest);
  const { result } = await runCommand(command, { rawArgs: [...rest] });
  return (result as number | undefined) ?? STATUS.done;
}

async function help(commands: Commands): Promise<string> {
  return programHelp(await Promise.all(Object.values(commands).map((load) => load())), release());
}

async function findCommand(name: string, commands: Commands): Promise<CliCommand> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load) return load();
  const names = Object.keys(commands);
  throw new UserError(
    `Unknown command "${name}".${didYouMean(name, names)} Available: ${names.join(', ')}. Help: understudy --help`,
  );
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

function answer(text: string): number {
  print(text);
  return STATUS.done;
}

import { z } from 'zod';
import { checkArguments } from '../../cli/arguments.ts';
import type { CliCommand } from '../../cli/command.ts';
import { shellWord } from '../../cli/text.ts';
import { schemaProblem } from '../../formats/disk/schemaProblem.ts';
import { UserError } from '../../graph/errors.ts';
import type { CommandView } from '../answers.ts';

/** What a page may start. */
const STARTED = {
  distill: async () => (await import('../../cli/commands/distill.ts')).distill,
  train: async () => (await import('../../cli/commands/train.ts')).train,
  eval: async () => (await import('../../cli/commands/eval.ts')).evaluate,
  export: async () => (await import('../../cli/commands/export.ts')).exportCommand,
  inspect: async () => (await import('../../cli/commands/inspect.ts')).inspect,
  predict: async () => (await import('../../cli/commands/predict.ts')).predict,
  embed: async () => (await import('../../cli/commands/embed.ts')).embed,
  merge: async () => (await import('../../cli/commands/merge.ts')).merge,
  verify: async () => (await import('../../cli/commands/verify.ts')).verify,
  report: async () => (await import('../../cli/commands/report.ts')).report,
  synthesize: async () => (await import('../../cli/commands/synthesize.ts')).synthesizeCommand,
  study: async () => (await import('../../cli/commands/study.ts')).study,
  advise: async () => (await import('../../cli/commands/advise.ts')).advise,
} as const satisfies Readonly<Record<string, () => Promise<CliCommand>>>;

const NAMES = Object.keys(STARTED) as (keyof typeof STARTED)[];

/** Flags of no use in a queue: what a job says is read as text. */
const LEFT_OUT = ['json'];

/** All that a page may start, as their own definitions have it. */
export async function startedCommands(): Promise<CommandView[]> {
  return Promise.all(
    NAMES.map(async (name): Promise<CommandView> => {
      const { meta, args, notes = [], repeatable = [], variadic = false }: CliCommand = await STARTED[name]();
      const flags = Object.entries(args).filter(([flag]) => !LEFT_OUT.includes(flag) && !repeatable.includes(flag));
      return {
        ...{ name, description: meta.description, notes, variadic },
        args: flags.map(([flag, arg]) => argumentView(flag, arg as ArgumentDefinition)),
        settings: !repeatable.includes('set') ? null : name === 'synthesize' ? 'synthesis' : 'run',
      };
    }),
  );
}

interface ArgumentDefinition {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: boolean;
  readonly valueHint?: string;
}

const argumentView = (
  name: string,
  { type, description, required, valueHint, ...rest }: ArgumentDefinition,
): CommandView['args'][number] => ({
  ...{ name, description: description ?? '', hint: valueHint ?? '' },
  kind: type === 'positional' || type === 'boolean' ? type : 'text',
  default: typeof rest.default === 'string' ? rest.default : '',
  required: required === true,
});

const word = z
  .string()
  .max(4096)
  .regex(/^[^\0]*$/);

const requestSchema = z.strictObject({
  command: z.enum(NAMES),
  positionals: z.array(word.regex(/^[^-]/)).max(64).default([]),
  /** By name, without the dashes; true for one that has no value. */
  flags: z.record(z.string().regex(/^[a-z][a-z-]*$/), z.union([word, z.literal(true)])).default({}),
  /** Values of `--set`. */
  set: z.array(word).max(256).default([]),
});

export type CommandRequest = z.input<typeof requestSchema>;

/**
 * The arguments of a command that a page asks for, held to what the command line takes.
 * @throws UserError
 */
export async function argumentsOf(request: unknown): Promise<string[]> {
  const checked = requestSchema.safeParse(request);
  if (!checked.success) throw new UserError(`the request: ${schemaProblem(checked.error)}`);
  const { command, positionals, flags, set } = checked.data;
  const args = [
    ...positionals,
    ...Object.entries(flags).map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`)),
    ...set.map((assignment) => `--set=${assignment}`),
  ];
  checkArguments(await STARTED[command](), args);
  return [command, ...args];
}

/** As a person would type it. */
export function commandLine(args: readonly string[]): string {
  const words = args.flatMap((arg) => {
    const [, flag, value] = /^(--[a-z-]+)=([\s\S]*)$/.exec(arg) ?? [];
    return flag === undefined ? [arg] : [flag, value!];
  });
  return ['understudy', ...words.map(shellWord)].join(' ');
}

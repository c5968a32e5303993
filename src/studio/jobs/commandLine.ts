import { z } from 'zod';
import { checkArguments } from '../../cli/arguments.ts';
import type { CliCommand } from '../../cli/command.ts';
import { shellWord } from '../../cli/text.ts';
import { schemaProblem } from '../../formats/disk/schemaProblem.ts';
import { UserError } from '../../graph/errors.ts';

/** What a page may start. */
const STARTED = {
  distill: async () => (await import('../../cli/commands/distill.ts')).distill,
  train: async () => (await import('../../cli/commands/train.ts')).train,
  eval: async () => (await import('../../cli/commands/eval.ts')).evaluate,
  export: async () => (await import('../../cli/commands/export.ts')).exportCommand,
  verify: async () => (await import('../../cli/commands/verify.ts')).verify,
  report: async () => (await import('../../cli/commands/report.ts')).report,
  synthesize: async () => (await import('../../cli/commands/synthesize.ts')).synthesizeCommand,
  study: async () => (await import('../../cli/commands/study.ts')).study,
  advise: async () => (await import('../../cli/commands/advise.ts')).advise,
} as const satisfies Readonly<Record<string, () => Promise<CliCommand>>>;

const NAMES = Object.keys(STARTED) as (keyof typeof STARTED)[];

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

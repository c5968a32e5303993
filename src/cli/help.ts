import type { ArgDef } from 'citty';
import type { CliCommand } from './command.ts';
import { table } from './text.ts';

/** The help of a command: how to type it, arguments and flags with defaults, notes, examples. */
export function commandHelp(command: CliCommand): string {
  const { meta, args, notes = [], examples } = command;
  const [positionals, flags] = [true, false].map((is) =>
    Object.entries(args).filter(([, def]) => (def.type === 'positional') === is),
  ) as [[string, ArgDef][], [string, ArgDef][]];
  const required = flags.filter(([, def]) => def.required).map(([name, def]) => ` ${flagText(name, def)}`);
  const usage = `understudy ${meta.name}${positionals.map(([name]) => ` ${name.toUpperCase()}`).join('')}${required.join('')} [flags]`;
  const arguments_ = positionals.map(([name, def]) => [`  ${name.toUpperCase()}`, def.description ?? '']);
  const sections = [
    `${meta.description}.\n\n  ${usage}`,
    ...(arguments_.length > 0 ? [`ARGUMENTS\n${table(arguments_)}`] : []),
    `FLAGS\n${table([...flags.map(([name, def]) => [`  ${flagText(name, def)}`, flagMeaning(def)]), ['  --help', 'Print this']])}`,
    ...notes,
    `EXAMPLES\n${examples.map((line) => `  ${line}`).join('\n')}`,
  ];
  return sections.join('\n\n');
}

/** The help of the program: its commands and the words that all of them share. */
export function programHelp(commands: readonly CliCommand[], version: string): string {
  const rows = commands.map(({ meta }) => [`  ${meta.name}`, meta.description]);
  return `Understudy ${version}: distil big vision models into small Vision Transformers.

  understudy COMMAND [arguments] [flags]

COMMANDS
${table(rows)}

All flags of a command: understudy COMMAND --help

${SHARED}`;
}

const flagText = (name: string, def: ArgDef): string =>
  def.type === 'boolean' ? `--${name}` : `--${name} ${def.valueHint ?? 'VALUE'}`;

function flagMeaning({ description = '', default: usual, required }: ArgDef): string {
  const shown = usual === undefined || usual === false ? '' : ` (default: ${String(usual)})`;
  return `${description}${required ? ' (required)' : shown}`;
}

const SHARED = `REF is a trained model: a run folder, an exported folder or a checkpoint folder.
DIR with images: root/train/<class>/* with root/val/<class>/*, or root/<class>/*.
Exit status: 0 done, 1 failed while running, 2 wrong use; 130 and 143 interrupted (a checkpoint was saved).

EXAMPLES
  understudy train --data photos --model resnet18 --out runs/teacher
  understudy distill --data photos --teacher runs/teacher --student deit_tiny_patch16_224 --method dearkd --out runs/student
  understudy eval runs/student --data photos
  understudy export runs/student --out my-model`;

import { stripVTControlCharacters } from 'node:util';
import { type CommandDef, renderUsage } from 'citty';
import type { CliCommand } from './command.ts';

/** The help of a command: citty's table of flags, then notes and examples. Without colours where stdout is no terminal. */
export async function commandHelp(command: CliCommand, root: CommandDef): Promise<string> {
  const examples = ['EXAMPLES', '', ...command.examples.map((line) => `  ${line}`)].join('\n');
  const usage = (await renderUsage(command, root)).trimEnd();
  return plainOffTerminal([usage, ...(command.notes ?? []), examples, ''].join('\n\n').trimEnd());
}

/** The help of the program: its commands and the words that all of them share. */
export async function programHelp(root: CommandDef): Promise<string> {
  const usage = (await renderUsage(root)).trimEnd();
  return plainOffTerminal(`${usage}\n\n${SHARED}`);
}

const SHARED = `REF is a trained model: a run folder, an exported folder or a checkpoint folder.
DIR with images: root/train/<class>/* with root/val/<class>/*, or root/<class>/*.
Exit status: 0 done, 1 failed while running, 2 wrong use, 130 interrupted (a checkpoint was saved).

EXAMPLES

  understudy train --data photos --model resnet18 --out runs/teacher
  understudy distill --data photos --teacher runs/teacher --student deit_tiny_patch16_224 --method dearkd --out runs/student
  understudy eval runs/student --data photos
  understudy export runs/student --out my-model`;

function plainOffTerminal(text: string): string {
  return process.stdout.isTTY ? text : stripVTControlCharacters(text);
}

import type { ArgDef, ArgsDef } from 'citty';
import { didYouMean } from '../graph/names.ts';
import { UserError } from '../graph/errors.ts';
import type { CliCommand } from './command.ts';

/** A flag with its value as it stands on the command line, or an argument without a flag. */
export interface Token {
  /** Undefined for a positional argument. */
  readonly flag?: string;
  readonly value: string;
}

/**
 * Checks the arguments of a command, because citty takes every flag that it does not know: unknown flags, flags without
 * their value or given twice, missing and surplus arguments. The only place that does.
 * @throws UserError
 */
export function checkArguments(command: CliCommand, rawArgs: readonly string[]): Token[] {
  const tokens = tokenise(command, rawArgs);
  const seen = new Set<string>();
  for (const { flag } of tokens) {
    if (flag === undefined) continue;
    if (seen.has(flag) && !command.repeatable?.includes(flag))
      throw new UserError(`--${flag} is given twice; wanted it once`);
    seen.add(flag);
  }
  const [positionals, flags] = splitArgs(command.args);
  checkPositionals(
    command,
    positionals,
    tokens.filter(({ flag }) => flag === undefined).map(({ value }) => value),
  );
  for (const [name, def] of flags)
    if (def.required && !seen.has(name)) throw new UserError(`missing --${name} ${hintOf(def)}; ${seeHelp(command)}`);
  return tokens;
}

/** The values of a flag that may be given several times, in order. */
export function valuesOf(command: CliCommand, rawArgs: readonly string[], flag: string): string[] {
  return tokenise(command, rawArgs)
    .filter((token) => token.flag === flag)
    .map(({ value }) => value);
}

/** The positional arguments, in order. */
export function valuesWithoutFlag(command: CliCommand, rawArgs: readonly string[]): string[] {
  return tokenise(command, rawArgs)
    .filter(({ flag }) => flag === undefined)
    .map(({ value }) => value);
}

/** A whole number from `least` on. */
export function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
    throw new UserError(`--${flag}: wanted a whole number from ${least} on, got "${text}"`);
  return value;
}

export function atLeastOne(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 1)
    throw new UserError(`--${flag}: wanted a number from 1 on, got "${text}"`);
  return value;
}

function tokenise(command: CliCommand, rawArgs: readonly string[]): Token[] {
  const tokens: Token[] = [];
  for (let i = 0; i < rawArgs.length; i++) {
    const arg = rawArgs[i]!;
    if (arg === '--') return [...tokens, ...rawArgs.slice(i + 1).map((value) => ({ value }))];
    if (!arg.startsWith('-') || arg === '-') {
      tokens.push({ value: arg });
      continue;
    }
    const [written, inline] = splitOnce(arg);
    const { name, def } = findFlag(command, written);
    if (def.type === 'boolean') {
      if (inline !== undefined && inline !== 'true' && inline !== 'false')
        throw new UserError(`${written}: wanted no value, got "${inline}"`);
      tokens.push({ flag: name, value: inline ?? 'true' });
      continue;
    }
    const value = inline ?? rawArgs[++i];
    const looksLikeFlag = inline === undefined && /^--?[a-z]/i.test(value ?? '');
    if (value === undefined || value === '' || looksLikeFlag)
      throw new UserError(
        `${written}: wanted a value (${written} ${hintOf(def)}), got ${value ? `the flag ${value}` : 'nothing'}`,
      );
    tokens.push({ flag: name, value });
  }
  return tokens;
}

function findFlag(command: CliCommand, written: string): { name: string; def: ArgDef } {
  const [positionals, flags] = splitArgs(command.args);
  const name = written.replace(/^--?/, '');
  const found = flags.find(([flag, def]) => flag === name || (def.type === 'boolean' && `no-${flag}` === name));
  if (found && written.startsWith('--')) return { name: found[0], def: found[1] };
  const names = flags.map(([flag]) => flag);
  const starts = positionals.some(([, { description }]) => description?.startsWith('After --'));
  const after = starts ? '. Those of the command that it starts come after --' : '';
  throw new UserError(
    `Unknown flag "${written}" of understudy ${command.meta.name}.${didYouMean(name, names, (near) => `--${near}`)} Available: ${names.map((flag) => `--${flag}`).join(', ')}${after}`,
  );
}

function checkPositionals(
  command: CliCommand,
  wanted: readonly (readonly [string, ArgDef])[],
  given: readonly string[],
): void {
  const required = wanted.filter(([, def]) => def.required !== false);
  const missing = required[given.length];
  if (missing) throw new UserError(`missing ${missing[0].toUpperCase()}; ${seeHelp(command)}`);
  if (!command.variadic && given.length > wanted.length)
    throw new UserError(`"${given[wanted.length]}" is one argument too many; ${seeHelp(command)}`);
}

const seeHelp = ({ meta, examples }: CliCommand): string =>
  `for example: ${examples[0]}\nAll flags: understudy ${meta.name} --help`;

const hintOf = (def: ArgDef): string => def.valueHint ?? 'VALUE';

function splitArgs(args: ArgsDef): [positionals: [string, ArgDef][], flags: [string, ArgDef][]] {
  const entries = Object.entries(args);
  return [
    entries.filter(([, def]) => def.type === 'positional'),
    entries.filter(([, def]) => def.type !== 'positional'),
  ];
}

function splitOnce(arg: string): [string, string | undefined] {
  const at = arg.indexOf('=');
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

import { parse } from 'yaml';
import type { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import { nearest } from '../graph/names.ts';
import { isSection, spelledOut } from './settings.ts';

/** Checks a value against its schema; errors name the key, what was wanted and what was got, and near keys. */
export function parseConfig<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const lines = checked.error.issues.map((issue) => describe(issue, schema, value));
  throw new UserError(`${where}: ${lines.join('\n  ')}`);
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown): string {
  const at = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const valid = keysAt(schema, at);
    return issue.keys
      .map((key) => {
        const near = nearest(key, valid);
        return `unknown key ${[...at, key].join('.')}.${near ? ` Did you mean ${[...at, near].join('.')}?` : ''} Available: ${valid.join(', ')}`;
      })
      .join('\n  ');
  }
  const got = at.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
  const shown = got === undefined ? 'nothing' : JSON.stringify(got);
  return `${at.join('.') || 'config'}: ${wanted(issue)}, got ${shown}`;
}

function wanted(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_union')
    return issue.message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');
  return issue.errors.map((branch) => branch.map(wanted).join(' and ')).join(', or ');
}

/** The keys of the object schema at a path; through defaults and nullables. */
function keysAt(schema: z.ZodType, path: readonly string[]): string[] {
  let at = unwrap(schema);
  for (const key of path) at = unwrap((at as { shape?: Record<string, z.ZodType> } | undefined)?.shape?.[key]);
  return Object.keys((at as { shape?: object } | undefined)?.shape ?? {});
}

function unwrap(schema: z.ZodType | undefined): z.ZodType | undefined {
  type Wrapped = { def?: { innerType?: z.ZodType; out?: z.ZodType }; shape?: object };
  const inside = (outer: Wrapped) => (outer.def?.innerType ?? outer.def?.out) as Wrapped | undefined;
  let at = schema as Wrapped | undefined;
  while (at && !at.shape && inside(at)) at = inside(at);
  return at as z.ZodType | undefined;
}

/** `optim.lr=1e-3` set into a plain object. Values are YAML. */
export function setOverride(target: Record<string, unknown>, assignment: string): void {
  const at = assignment.indexOf('=');
  if (at < 1) throw new UserError(`--set ${assignment}: wanted key=value, for example optim.lr=1e-3`);
  const path = assignment.slice(0, at).split('.');
  if (path.some((key) => key === '' || key === '__proto__'))
    throw new UserError(`--set ${assignment}: "${assignment.slice(0, at)}" is not a dotted key`);
  let inner = target;
  for (const key of path.slice(0, -1)) {
    const held = spelledOut(key, inner[key]);
    if (held !== undefined && (typeof held !== 'object' || held === null))
      throw new UserError(`--set ${assignment}: ${key} is not a section`);
    inner[key] = held ?? {};
    inner = inner[key] as Record<string, unknown>;
  }
  const last = path.at(-1)!;
  const value = readValue(assignment.slice(at + 1));
  const [under, over] = [inner[last], spelledOut(last, value)];
  // A short form leaves the rest of the section that it stands for.
  inner[last] = over !== value && isSection(under) && isSection(over) ? { ...under, ...over } : value;
}

/** A value as it would stand in a YAML file; what is no YAML is text. */
function readValue(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

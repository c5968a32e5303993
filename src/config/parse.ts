import type { z } from 'zod';
import { brief, UserError } from '../graph/errors.ts';
import { didYouMean, oneOf } from '../graph/names.ts';
import { isSection, type Settings, spelledOut } from './settings.ts';
import { readYaml } from './yaml.ts';

/** Checks a value against its schema; errors name the key, what was wanted and what was got, and near keys. */
export function parseConfig<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const lines = checked.error.issues.flatMap(intoUnion).flatMap((issue) => describe(issue, schema, value));
  const more = lines.length > SHOWN ? [`and ${lines.length - SHOWN} more`] : [];
  throw new UserError(`${where}: ${[...lines.slice(0, SHOWN), ...more].join('\n  ')}`);
}

/** Faults that a message tells. */
const SHOWN = 10;

/**
 * Of a union, the issues inside the alternative that was meant: one of the value's own kind (all that is wrong lies deeper),
 * the one with the fewest issues. Where there is none, the union's issue itself.
 */
function intoUnion(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const inside = issue.errors.map((branch) => branch.flatMap(intoUnion));
  const isDeeper = (found: z.core.$ZodIssue) => found.path.length > 0 || found.code === 'unrecognized_keys';
  const meant = inside.filter((branch) => branch.length > 0 && branch.every(isDeeper));
  const best = meant.reduce<z.core.$ZodIssue[] | undefined>(
    (least, branch) => (least && least.length <= branch.length ? least : branch),
    undefined,
  );
  return best ? best.map((found) => ({ ...found, path: [...issue.path, ...found.path] })) : [issue];
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown): string[] {
  const at = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const valid = keysAt(
      schema,
      at.filter((key) => !/^\d+$/.test(key)),
    );
    return issue.keys.map((key) => {
      return `unknown key ${brief([...at, key].join('.'))}.${didYouMean(key, valid, (near) => [...at, near].join('.'))} Available: ${valid.join(', ')}`;
    });
  }
  // A short form stands for what lies below it.
  const got = at.reduce<unknown>(
    (inner, key) => (isSection(inner) || Array.isArray(inner) ? (inner as Settings)[key] : inner),
    value,
  );
  const shown = got === undefined ? 'nothing' : brief(JSON.stringify(got), 200);
  const hint = typeof got === 'string' ? didYouMean(got, namesIn(issue)) : '';
  const wanted = oneOf([...new Set(waysIn(issue))]);
  return [`${brief(at.join('.')) || 'config'}: wanted ${wanted}, got ${shown}${hint && `.${hint}`}`];
}

/** What would be right, each way by itself. */
function waysIn(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_union')
    return issue.errors.flatMap((branch) =>
      waysIn(branch.reduce((outer, one) => (one.path.length < outer.path.length ? one : outer))),
    );
  return issue.code === 'invalid_value' ? issue.values.map((value) => JSON.stringify(value)) : [way(issue)];
}

/** The names among them. */
function namesIn(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(namesIn);
  return issue.code === 'invalid_value' ? issue.values.filter((value) => typeof value === 'string') : [];
}

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  string: 'a text',
  array: 'a list',
  tuple: 'a list',
  object: 'a section of keys and values',
  record: 'a section of keys and values',
};

function way(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union' || issue.code === 'invalid_value') return oneOf(waysIn(issue));
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? issue.expected;
  if (issue.code === 'too_small')
    return sized(issue.origin, `${issue.inclusive === false ? 'above' : 'of at least'} ${issue.minimum}`);
  if (issue.code === 'too_big')
    return sized(issue.origin, `${issue.inclusive === false ? 'below' : 'of at most'} ${issue.maximum}`);
  return issue.message.replace(/^wanted /, '');
}

function sized(origin: string, bound: string): string {
  if (origin === 'string') return bound === 'of at least 1' ? 'a text that is not empty' : `a text ${bound} characters`;
  return `${KINDS[origin] ?? 'a number'} ${bound}`;
}

/** The keys of the object schema at a path; places in a list are numbers and stand for no key. */
function keysAt(schema: z.ZodType, path: readonly string[]): string[] {
  const [first, ...rest] = path;
  const objects = alternatives(schema);
  if (first === undefined) return [...new Set(objects.flatMap(({ shape }) => Object.keys(shape)))];
  return [...new Set(objects.flatMap(({ shape }) => (shape[first] ? keysAt(shape[first], rest) : [])))];
}

interface ObjectSchema {
  readonly shape: Readonly<Record<string, z.ZodType>>;
}

/** The object schemas that a schema can be: itself, or those inside defaults, nullables, lists and unions. */
function alternatives(schema: z.ZodType): ObjectSchema[] {
  const { shape, def } = schema as Partial<ObjectSchema> & {
    readonly def: {
      readonly innerType?: z.ZodType;
      readonly out?: z.ZodType;
      readonly element?: z.ZodType;
      readonly options?: readonly z.ZodType[];
    };
  };
  if (shape) return [{ shape }];
  if (def.options) return def.options.flatMap(alternatives);
  const inner = def.innerType ?? def.element ?? def.out;
  return inner ? alternatives(inner) : [];
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
    return readYaml(text, 'value');
  } catch {
    return text;
  }
}

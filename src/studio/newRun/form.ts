import { extname } from 'node:path';
import type { z } from 'zod';
import { type JsonSchema, propertiesOf } from '../../config/jsonSchema.ts';
import { RECIPES } from '../../config/recipes/index.ts';
import {
  augmentSchema,
  dataSchema,
  modelSchema,
  optimSchema,
  teacherSchema,
  trainSchema,
} from '../../config/schema.ts';
import { synthesisSchema } from '../../config/synthesis.ts';
import { listAugmentations, listDefaults, listMethods, listModels } from '../../run/models/listings.ts';
import type { Form, FormField } from '../answers.ts';
import { schemaDocs } from './docs.ts';

const SECTIONS = {
  data: { schema: dataSchema, named: 'data', least: { dir: '-' } },
  student: { schema: modelSchema, named: 'model', least: { name: '-' } },
  teacher: { schema: teacherSchema, named: 'teacher', least: { ref: '-' } },
  augment: { schema: augmentSchema, named: 'augment', least: {} },
  optim: { schema: optimSchema, named: 'optim', least: {} },
  train: { schema: trainSchema, named: 'train', least: {} },
  synthesis: { schema: synthesisSchema, named: 'synthesis', least: {} },
} as const;

/** The schemas' own sources: beside this file, compiled or not, with their comments. */
const sourceOf = (name: string): URL => new URL(`../../config/${name}${extname(import.meta.url)}`, import.meta.url);

/** All that a form for a new run is made of. Nothing here is written by hand: settings come from their schema, its comments and tables. */
export async function newRunForm(): Promise<Form> {
  const docs = { ...(await schemaDocs(sourceOf('schema'))), ...(await schemaDocs(sourceOf('synthesis'))) };
  const rules = new Map(listDefaults().map((listing) => [listing.key, listing.rules]));
  const meanings = new Map(listAugmentations().map(({ key, meaning }) => [`augment.${key}`, meaning]));
  const fields = Object.entries(SECTIONS).flatMap(([section, { schema, named, least }]) =>
    fieldsOf(section, schema, least).map((field) => ({
      ...field,
      doc: docs[`${named}.${field.key.slice(section.length + 1)}`] ?? meanings.get(field.key) ?? '',
      ...(rules.has(field.key) ? { rules: rules.get(field.key)! } : {}),
    })),
  );
  return {
    fields,
    models: listModels(),
    methods: listMethods(),
    recipes: Object.values(RECIPES).map(({ name }) => name),
  };
}

function fieldsOf(section: string, schema: z.ZodType, least: object): Omit<FormField, 'doc' | 'rules'>[] {
  const defaults = schema.parse(least) as Readonly<Record<string, unknown>>;
  return Object.entries(propertiesOf(schema)).map(([key, property]) => ({
    key: `${section}.${key}`,
    default: key in least ? undefined : (defaults[key] ?? null),
    ...taken(property),
  }));
}

function taken(schema: JsonSchema): Pick<FormField, 'kind' | 'choices' | 'least' | 'most' | 'auto' | 'none'> {
  const parts = (schema.anyOf ?? [schema]).flatMap((part) => part.anyOf ?? [part]);
  const flags = { auto: parts.some((part) => part.const === 'auto'), none: parts.some(({ type }) => type === 'null') };
  const rest = parts.filter((part) => part.const !== 'auto' && part.type !== 'null');
  const [only] = rest;
  if (!only || rest.length > 1) return { kind: 'other', ...flags };
  if (only.enum) return { kind: 'choice', choices: only.enum.map(String), ...flags };
  if (only.type === 'boolean') return { kind: 'switch', ...flags };
  if (only.type === 'number' || only.type === 'integer') {
    const [low, high] = [only.minimum ?? only.exclusiveMinimum, only.maximum ?? only.exclusiveMaximum];
    return {
      kind: 'number',
      ...(low === undefined || Math.abs(low) > 1e15 ? {} : { least: low }),
      ...(high === undefined || Math.abs(high) > 1e15 ? {} : { most: high }),
      ...flags,
    };
  }
  return { kind: only.type === 'string' ? 'text' : 'other', ...flags };
}

import { z } from 'zod';

/** The part of a JSON schema that is read. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

/** What may be set in a section of settings, by key. */
export function propertiesOf(section: z.ZodType): Readonly<Record<string, JsonSchema>> {
  return (z.toJSONSchema(section, { unrepresentable: 'any', io: 'input' }) as JsonSchema).properties ?? {};
}

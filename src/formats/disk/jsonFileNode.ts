import { readFileSync, statSync } from 'node:fs';
import { UserError } from '../../graph/errors.ts';
import { MOST_JSON_BYTES, MOST_JSON_DEPTH } from '../../models/limits.ts';
import { fileError } from './fileErrorNode.ts';
import { isDeep } from './jsonValue.ts';
import { checkModelFile } from './regularFileNode.ts';

/**
 * Reads a JSON object.
 * @throws UserError if it cannot be read, is larger or deeper than `models/limits.ts` allows, or is no JSON object.
 */
export async function readJsonFile(path: string): Promise<Record<string, unknown>> {
  const value = parseJsonFile(path);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError(`${path}: wanted a JSON object, got ${JSON.stringify(value).slice(0, 40)}`);
}

/**
 * Reads any JSON value.
 * @throws UserError if it cannot be read, is larger or deeper than `models/limits.ts` allows, or is no JSON.
 */
export function parseJsonFile(path: string): unknown {
  const text = readText(path);
  if (isDeep(text))
    throw new UserError(`${path}: wanted JSON, got more than ${MOST_JSON_DEPTH} brackets within each other`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: wanted JSON, got ${(error as Error).message.slice(0, 200)}`);
  }
}

function readText(path: string): string {
  checkModelFile(path, 'JSON');
  try {
    const { size } = statSync(path);
    if (size > MOST_JSON_BYTES)
      throw new UserError(`${path}: wanted at most ${MOST_JSON_BYTES} bytes of JSON, got ${size}`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError(error, path, 'read it');
  }
}

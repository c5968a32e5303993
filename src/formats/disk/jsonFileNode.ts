import { readFileSync, statSync } from 'node:fs';
import { UserError } from '../../graph/errors.ts';
import { MOST_JSON_BYTES } from '../../models/limits.ts';
import { fileError } from './fileErrorNode.ts';
import { parseJson, parseJsonObject } from './jsonValue.ts';
import { checkModelFile } from './regularFileNode.ts';

/**
 * Reads a JSON object.
 * @throws UserError if it cannot be read, is larger or deeper than `models/limits.ts` allows, or is no JSON object.
 */
export async function readJsonFile(path: string): Promise<Record<string, unknown>> {
  return parseJsonObject(readText(path), path);
}

/**
 * Reads any JSON value.
 * @throws UserError if it cannot be read, is larger or deeper than `models/limits.ts` allows, or is no JSON.
 */
export const parseJsonFile = (path: string): unknown => parseJson(readText(path), path);

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

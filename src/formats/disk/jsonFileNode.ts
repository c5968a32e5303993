import { readFile, stat } from 'node:fs/promises';
import { UserError } from '../../graph/errors.ts';
import { fileError } from './fileErrorNode.ts';

/** Far above any real config.json (ImageNet-21k's labels are 1 MB); a hostile one must not fill the memory. */
const MAX_BYTES = 32 * 2 ** 20;

/**
 * Reads a JSON object.
 * @throws UserError if it cannot be read, is larger than 32 MB, or is no JSON object.
 */
export async function readJsonFile(path: string): Promise<Record<string, unknown>> {
  const text = await readText(path);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new UserError(`${path}: wanted JSON, got ${(error as Error).message.slice(0, 200)}`);
  }
  throw new UserError(`${path}: wanted a JSON object, got ${text.slice(0, 40)}`);
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new UserError(`${path}: wanted at most ${MAX_BYTES} bytes of JSON, got ${size}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(error, path, 'read it');
  }
}

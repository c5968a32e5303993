import { readFile } from 'node:fs/promises';

/**
 * What the comments of a schema's source say of its keys, by section: the one place where settings are explained. Reads the comment before each
 * key inside of `export const NAMESchema`.
 */
export async function schemaDocs(source: URL): Promise<Record<string, string>> {
  return docsIn(await readFile(source, 'utf8'));
}

export function docsIn(text: string): Record<string, string> {
  const docs: Record<string, string> = {};
  let [section, comment] = ['', ''];
  let open = false;
  for (const line of text.split('\n')) {
    section = /^export const (\w+)Schema = /.exec(line)?.[1] ?? section;
    const begins = /^ {2,4}\/\*\*(.*)$/.exec(line);
    if (begins || open) {
      const words = (begins ? begins[1]! : line)
        .replace(/\*\/\s*$/, '')
        .replace(/^\s*\*? ?/, '')
        .trim();
      comment = begins ? words : `${comment} ${words}`.trim();
      open = !/\*\/\s*$/.test(line);
      continue;
    }
    const key = /^ {2,4}(\w+):/.exec(line)?.[1];
    if (key !== undefined && comment !== '') docs[`${section}.${key}`] = comment;
    comment = '';
  }
  return docs;
}

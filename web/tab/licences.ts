import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

const packages = new Set<string>();

/** Notes which packages a bundle is made of: that of the page, and that of its workers. */
export const noteLicences = (): Plugin => ({
  name: 'note-licences',
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle))
      for (const id of file.type === 'chunk' ? file.moduleIds : []) {
        const found = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
        if (found) packages.add(found);
      }
  },
});

/** The licences of all of them, as they ask. @throws Error where a package has none. */
export function licences(): string {
  const texts = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
    const file = existsSync(folder) && readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file && !license) throw new Error(`${name}: wanted a licence, got none`);
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `## ${name} ${version} (${license})\n\n${text}\n`;
  });
  return `# What this page is made of\n\nUnderstudy itself, and:\n\n${texts.join('\n')}`;
}

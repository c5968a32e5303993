import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);

/** The guides, each of a task. */
export const GUIDES = pagesIn('docs');

/** Every page that the project has, by its path. */
export const PAGES = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', ...GUIDES, ...pagesIn('docs/decisions')];

export const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

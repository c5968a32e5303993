import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PACKAGE = JSON.parse(read('package.json')) as {
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};

/** What is packed besides the compiled code; npm adds these three by itself. */
const PACKED = [...PACKAGE.files.filter((path) => !/^!|^dist/.test(path)), 'README.md', 'LICENSE', 'package.json'];
const isPacked = (path: string): boolean => PACKED.some((root) => path === root || path.startsWith(`${root}/`));

function pagesBelow(path: string): string[] {
  if (!statSync(join(ROOT, path)).isDirectory()) return path.endsWith('.md') ? [path] : [];
  return readdirSync(join(ROOT, path)).flatMap((name) => pagesBelow(join(path, name)));
}

/** Links of a page to files of the package, `to` from its root; code is no link. */
function linksOf(page: string): string[] {
  const text = read(page)
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)]
    .map(([, link, attribute]) => link ?? attribute!)
    .filter((link) => !/^[a-z]+:|^#/.test(link))
    .map((link) => relative(ROOT, join(ROOT, dirname(page), link.replace(/#.*$/, ''))));
}

describe('the package', () => {
  it('has every file that one of its pages links to', () => {
    const pages = PACKED.flatMap(pagesBelow);
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/results.md', 'ARCHITECTURE.md']));
    const dead = pages.flatMap((page) =>
      linksOf(page)
        .filter((to) => !isPacked(to) || !existsSync(join(ROOT, to)))
        .map((to) => `${page}: ${to}`),
    );
    expect(dead).toEqual([]);
  });

  it('installs where the install script of ONNX Runtime fails: npm leaves out what is optional', () => {
    expect(Object.keys(PACKAGE.optionalDependencies)).toContain('onnxruntime-node');
    expect(Object.keys(PACKAGE.dependencies)).not.toContain('onnxruntime-node');
  });
});

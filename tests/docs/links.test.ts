import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GUIDES, PAGES, ROOT, textOf } from './pages.ts';

const withoutCode = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

/** Where a page's links and pictures point to, outside the web. */
const linksOf = (markdown: string): string[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((to) => !/^\w+:/.test(to));

/** A heading as the hosts of repositories name it in an address. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

function deadLinksOf(page: string, markdown: string): string[] {
  return linksOf(markdown).filter((to) => {
    const [path, anchor] = to.split('#') as [string, string?];
    const target = normalize(join(dirname(page), path));
    if (path !== '' && !existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsOf(path === '' ? markdown : textOf(target)).includes(anchor);
  });
}

it.each(PAGES)('%s has no dead link', (page) => {
  expect(deadLinksOf(page, textOf(page))).toEqual([]);
});

it('a dead link, a wrong heading and a missing picture are found; code is not read', () => {
  const page =
    '# A page\n[a](train.md) [b](absent.md) [c](#a-page) [d](#other) ![e](no.png)\n```\n[f](absent.md)\n```\n';
  expect(deadLinksOf('docs/page.md', page)).toEqual(['absent.md', '#other', 'no.png']);
});

/** Files of the project that a page names in code, in full or from a folder of src/ on. */
const namedFiles = (markdown: string): string[] =>
  [...markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.(?:ts|py|wat|proto))`/g)].map(
    ([, path]) => path!,
  );

/** Files of worked examples, which are made up. */
const MADE_UP = [
  'src/report/sections/rareClasses.ts',
  'src/methods/logitMse.ts',
  'src/host/web/hostTab.ts',
  'src/cli/commands/count.ts',
];

it.each(PAGES)('%s names files that are there', (page) => {
  const missing = namedFiles(textOf(page)).filter(
    (path) => !MADE_UP.includes(path) && !['', 'src', 'tests'].some((from) => existsSync(join(ROOT, from, path))),
  );
  expect(missing).toEqual([]);
});

describe('pages are short enough to be read whole', () => {
  const lines = (page: string) => textOf(page).trimEnd().split('\n').length;
  const limits: [string, number][] = [
    ['README.md', 250],
    ['ARCHITECTURE.md', 150],
    // Results are a report, whose tables are written by a command.
    ...GUIDES.filter((page) => !page.startsWith('docs/results')).map((page): [string, number] => [page, 150]),
  ];
  it.each(limits)('%s has at most %d lines', (page, most) => expect(lines(page)).toBeLessThanOrEqual(most));
});

it('README leads to every guide', () => {
  const named = linksOf(textOf('README.md'));
  expect(GUIDES.filter((page) => !named.includes(page))).toEqual([]);
});

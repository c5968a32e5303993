import { fileURLToPath } from 'node:url';
import type { Plugin, UserConfig } from 'vite';
import { PARTS, TOKENS } from '../src/analysis/look.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The tokens of the look and the parts that report.html shares. */
const look: Plugin = {
  name: 'look',
  enforce: 'pre',
  transform: (code, id) => (id.endsWith('/ui/base.css') ? `${TOKENS}${code}${PARTS}` : null),
};

/**
 * How a page of `web/` is built: into a folder of its own below dist/web/, with nothing inline and nothing from elsewhere, so that a
 * strict policy serves it and the folder can be copied anywhere.
 * @param base `/` where the page is at the root of its server and reads its view from the path; `./` where it may lie anywhere.
 * @param more plugins of this page alone.
 */
export const pageConfig = (name: string, base: '/' | './', more: readonly Plugin[] = []): UserConfig => ({
  root: here(`./${name}`),
  base,
  publicDir: here('./ui/public'),
  logLevel: 'warn',
  plugins: [look, ...more],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { alias: { 'understudy/browser': here('../src/browser.ts') } },
  worker: { format: 'es' },
  build: {
    outDir: here(`../dist/web/${name}`),
    emptyOutDir: true,
    target: 'es2022',
    // A data: address in a style sheet is one more thing that a policy has to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4000,
  },
});

import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'rolldown';
import { licences, noteLicences } from '../tab/licences.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const licencesFile: Plugin = {
  name: 'licences',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'licences.md', source: licences() });
  },
};

/**
 * `understudy/browser` with all that it needs, for pages that have no bundler: scripts that import each other alone, beside the one
 * that workers run.
 */
export default defineConfig({
  input: {
    browser: here('../../src/browser.ts'),
    loadWorkerWeb: here('../../src/data/loading/loadWorkerWeb.ts'),
  },
  platform: 'browser',
  logLevel: 'warn',
  plugins: [noteLicences() as Plugin, licencesFile],
  output: {
    dir: here('../../dist/web/module'),
    cleanDir: true,
    format: 'es',
    minify: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  },
});

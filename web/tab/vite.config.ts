import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { pageConfig } from '../pageConfig.ts';
import { licences, noteLicences } from './licences.ts';

const PUBLIC = new URL('../ui/public/', import.meta.url);
const read = (path: URL | string) => readFileSync(path, 'utf8');

/** Writes licences.md, and offline.js: the service worker of offlineWorker.js with the list of what was built. */
const offline: Plugin = {
  name: 'offline',
  enforce: 'post',
  generateBundle(_, bundle) {
    const always = readdirSync(PUBLIC);
    const files = [...Object.keys(bundle), ...always].sort();
    const worker = read(new URL('./offlineWorker.js', import.meta.url));
    // Names of built files hold their digests, but those of the page itself and of the ones that stay as they are do not.
    const page = bundle['index.html'];
    const seen = [
      worker,
      ...files,
      page?.type === 'asset' ? page.source : '',
      ...always.map((name) => read(new URL(name, PUBLIC))),
    ];
    const version = createHash('sha256').update(seen.join('\n')).digest('hex').slice(0, 12);
    const head = `const VERSION = ${JSON.stringify(version)};\nconst FILES = ${JSON.stringify(['./', ...files])};\n`;
    this.emitFile({ type: 'asset', fileName: 'licences.md', source: licences() });
    this.emitFile({ type: 'asset', fileName: 'offline.js', source: head + worker });
  },
};

const config = pageConfig('tab', './', [noteLicences(), offline]);

export default { ...config, worker: { ...config.worker, plugins: () => [noteLicences()] } };

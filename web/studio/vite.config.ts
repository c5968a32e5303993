import { existsSync, readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { pageConfig } from '../pageConfig.ts';

const TAB = new URL('../../dist/web/tab/', import.meta.url);

/**
 * Leaves out what the page that trains in a tab has too, onnxruntime-web's WebAssembly of 14 MB above all: the studio's server answers
 * with that page's. Names of built files hold their digests, so that the same name is the same file; built before this one, that page
 * stays whole, as it is copied to any web host.
 */
const shared: Plugin = {
  name: 'shared',
  enforce: 'post',
  generateBundle(_, bundle) {
    for (const [name, file] of Object.entries(bundle)) {
      const other = new URL(name, TAB);
      if (file.type === 'asset' && existsSync(other) && readFileSync(other).equals(Buffer.from(file.source)))
        delete bundle[name];
    }
  },
};

export default pageConfig('studio', '/', [shared]);

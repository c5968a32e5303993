import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** Where a worker finds the runtime, which no import map reaches. */
const RUNTIME = '/node_modules/onnxruntime-web/dist';
const RUNTIMES: Readonly<Record<string, string>> = {
  'onnxruntime-web': `${RUNTIME}/ort.wasm.bundle.min.mjs`,
  'onnxruntime-web/webgpu': `${RUNTIME}/ort.webgpu.bundle.min.mjs`,
};

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A script of the tests (or at a whole path), with all of our code that it imports, as one module for a worker. */
export async function bundled(entry: string): Promise<string> {
  const bundle = await rolldown({
    input: resolve(here('.'), entry),
    external: Object.keys(RUNTIMES),
    platform: 'browser',
    logLevel: 'silent',
    resolve: { alias: { vitest: here('vitestInTab.ts'), 'understudy/browser': here('../../src/browser.ts') } },
  });
  const { output } = await bundle.generate({ format: 'es', paths: RUNTIMES, codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** Where a worker finds the runtime, which no import map reaches. */
const RUNTIME = '/node_modules/onnxruntime-web/dist';
const RUNTIMES: Readonly<Record<string, string>> = {
  'onnxruntime-web': `${RUNTIME}/ort.wasm.bundle.min.mjs`,
  'onnxruntime-web/webgpu': `${RUNTIME}/ort.webgpu.bundle.min.mjs`,
};

/** A script of the tests, with all of our code that it imports, as one module for a worker. */
export async function bundled(entry: string): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(entry, import.meta.url)),
    external: Object.keys(RUNTIMES),
    platform: 'browser',
    logLevel: 'silent',
    resolve: { alias: { vitest: fileURLToPath(new URL('vitestInTab.ts', import.meta.url)) } },
  });
  const { output } = await bundle.generate({ format: 'es', paths: RUNTIMES, codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

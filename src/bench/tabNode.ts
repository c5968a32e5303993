import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../graph/errors.ts';
import { largest } from '../graph/lists.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUNTIME = '/node_modules/onnxruntime-web/dist/';
const RUNTIMES = {
  'onnxruntime-web': `${RUNTIME}ort.wasm.bundle.min.mjs`,
  'onnxruntime-web/webgpu': `${RUNTIME}ort.webgpu.bundle.min.mjs`,
};
/** A real adapter where there is one. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--enable-features=Vulkan', '--ignore-gpu-blocklist'];

/** Where Debian and others put Chromium; undefined where there is none. */
export const findChromium = (): string | undefined =>
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

export interface Tab {
  /** Runs a task in a worker of its own in the tab; gives its answer. */
  run<T>(task: unknown): Promise<T>;
  /** The name of the WebGPU adapter; undefined where there is none or one of software. */
  adapter(): Promise<string | undefined>;
  /** The most memory, in MB, that any tab of this browser took; undefined where the system does not tell. */
  peakMB(): number | undefined;
  close(): Promise<void>;
}

/**
 * A tab of headless Chromium whose workers run a script of `dist/bench/`; cross-origin isolated, so that WebAssembly has threads.
 * @param photos a folder that is served as `/photos/`
 */
export async function openTab(script: string, photos?: string): Promise<Tab> {
  const executablePath = findChromium();
  if (!executablePath) throw new UserError('bench browser: wanted Chromium (Debian: chromium), got none');
  // Needed by nothing that is installed with the package.
  const [{ rolldown }, { chromium }] = await Promise.all([import('rolldown'), import('playwright-core')]);
  const bundled = async (path: string): Promise<string> => {
    const input = fileURLToPath(new URL(path, import.meta.url));
    const bundle = await rolldown({ input, external: Object.keys(RUNTIMES), platform: 'browser', logLevel: 'silent' });
    const { output } = await bundle.generate({ format: 'es', paths: RUNTIMES, codeSplitting: false });
    await bundle.close();
    return output[0].code;
  };
  const scripts = {
    '/worker.js': await bundled(script),
    '/loadWorkerWeb.js': await bundled('../data/loading/loadWorkerWeb.js'),
  };
  const { origin, close } = await serve(scripts, photos);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await browser.newPage();
  await page.goto(origin);
  return {
    run: <T>(task: unknown) => page.evaluate<T>(`(${inWorker})(${JSON.stringify(task)})`),
    adapter: () => page.evaluate<string | undefined>(`(${adapterName})()`),
    peakMB,
    close: async () => {
      await browser.close();
      close();
    },
  };
}

async function serve(
  scripts: Readonly<Record<string, string>>,
  photos: string | undefined,
): Promise<{ origin: string; close(): void }> {
  const types: Readonly<Record<string, string>> = { '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
    const [, folder, ...rest] = path.split('/');
    const file = path.startsWith(RUNTIME)
      ? join(ROOT, path)
      : folder === 'photos' && photos
        ? join(photos, ...rest)
        : undefined;
    const read = () => (file && existsSync(file) ? readFileSync(file) : undefined);
    const found = scripts[path] ?? (path === '/' ? '<!doctype html>' : read());
    const type = path in scripts ? 'text/javascript' : (types[extname(path)] ?? 'text/html');
    response.writeHead(found === undefined ? 404 : 200, {
      'content-type': type,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    response.end(found);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** Sent to the page as text. */
const inWorker = `(task) => new Promise((resolve, reject) => {
  const worker = new Worker('/worker.js', { type: 'module' });
  const end = (act, value) => { worker.terminate(); act(value); };
  worker.onmessage = ({ data }) => ('error' in data ? end(reject, new Error(data.error)) : end(resolve, data.answer));
  worker.onerror = ({ message }) => end(reject, new Error(message ?? 'the worker did not start'));
  worker.postMessage(task);
})`;

const adapterName = `async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter || adapter.info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(adapter.info.description + adapter.info.architecture)) return undefined;
  return [adapter.info.vendor, adapter.info.architecture, adapter.info.description].filter(Boolean).join(' ');
}`;

/** Of the renderers that descend from this process; Linux tells. */
function peakMB(): number | undefined {
  if (!existsSync('/proc/self/status')) return undefined;
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(join('/proc', pid, file), 'utf8');
    } catch {
      return '';
    }
  };
  const field = (pid: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(read(pid, 'status'))?.[1]);
  const ours = (pid: string): boolean => {
    const parent = field(pid, 'PPid');
    return parent === process.pid || (parent > 1 && ours(String(parent)));
  };
  const renderers = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && read(pid, 'cmdline').includes('--type=renderer') && ours(pid),
  );
  return renderers.length > 0 ? largest(renderers.map((pid) => field(pid, 'VmHWM'))) / 1024 : undefined;
}

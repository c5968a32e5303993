import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** WebGPU without a GPU: Chromium's own software adapter. A webcam without one: a pattern that moves. */
export const FLAGS = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--ignore-gpu-blocklist',
];

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
};

const TRANSFORMERS = '/node_modules/@huggingface/transformers';
/** transformers.js brings a newer onnxruntime-web of its own, unless npm finds that ours will do. */
const nested = existsSync(join(ROOT, TRANSFORMERS, 'node_modules/onnxruntime-web')) ? TRANSFORMERS : '';

/** Where the page's bare imports lie; a bundler would do this. */
const IMPORTS = {
  understudy: '/dist/index.js',
  'understudy/browser': '/dist/browser.js',
  '@huggingface/transformers': `${TRANSFORMERS}/dist/transformers.web.js`,
  'onnxruntime-web': '/node_modules/onnxruntime-web/dist/ort.bundle.min.mjs',
  'onnxruntime-web/webgpu': `${nested}/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs`,
  'onnxruntime-common': `${nested}/node_modules/onnxruntime-common/dist/esm/index.js`,
};

export const WASM_PATHS = `${nested}/node_modules/onnxruntime-web/dist/`;

/**
 * Serves the repository's scripts and `folders` by name on 127.0.0.1, an empty page with an import map at `/`, and scripts that
 * are made. The page is cross-origin isolated, so that WebAssembly has threads.
 */
export async function serve(
  folders: Readonly<Record<string, string>>,
  scripts: Readonly<Record<string, string>> = {},
): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    const script = scripts[path];
    if (script !== undefined) {
      response.setHeader('content-type', 'text/javascript');
      return response.end(script);
    }
    if (path === '/') {
      response.setHeader('content-type', 'text/html');
      return response.end(`<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`);
    }
    const [, first = '', ...rest] = path.split('/');
    const base = folders[first] ?? (['dist', 'node_modules'].includes(first) ? join(ROOT, first) : undefined);
    const file = base && join(base, ...rest);
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      response.statusCode = 404;
      return response.end();
    }
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    return response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export interface Opened {
  readonly page: Page;
  /** What a module script prints first on a page of its own. */
  printed(code: string): Promise<string>;
  close(): Promise<void>;
}

/** Headless Chromium on the empty page. */
export async function open(
  executablePath: string,
  folders: Readonly<Record<string, string>>,
  scripts: Readonly<Record<string, string>> = {},
): Promise<Opened> {
  const { server, origin } = await serve(folders, scripts);
  const browser: Browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await (await browser.newContext()).newPage();
  await page.goto(origin);
  return {
    page,
    printed: async (code) => printedBy(await browser.newPage(), origin, code),
    close: async () => {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The page sees its own site alone: the runtime's files, which transformers.js takes from elsewhere, are those that npm installed. */
async function printedBy(page: Page, origin: string, code: string): Promise<string> {
  const refused: string[] = [];
  await page.route(
    (url) => url.origin !== origin,
    (route) => {
      const path = join(ROOT, WASM_PATHS, basename(new URL(route.request().url()).pathname));
      if (existsSync(path)) return route.fulfill({ path, contentType: TYPES[extname(path)]! });
      refused.push(route.request().url());
      return route.abort();
    },
  );
  await page.goto(origin);
  const failed = new Promise<never>((_, reject) => {
    page.once('pageerror', (error) => reject(new Error(`${error.message}; asked elsewhere: ${refused.join(', ')}`)));
  });
  const printed = page.waitForEvent('console', { predicate: (message) => message.type() === 'log', timeout: 120_000 });
  printed.catch(() => undefined);
  failed.catch(() => undefined);
  await page.addScriptTag({ type: 'module', content: code });
  const text = (await Promise.race([printed, failed])).text();
  await page.close();
  return text;
}

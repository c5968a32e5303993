import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import type { Context, Handler } from 'hono';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.wasm': 'application/wasm',
  '.onnx': 'application/octet-stream',
  '.txt': 'text/plain; charset=utf-8',
};

/** The file of a folder that a path of an address names; undefined where there is none, or it leads out of the folder by any way. */
export async function fileBelow(folder: string, path: string): Promise<string | undefined> {
  try {
    const parts = decodeURIComponent(path).split('/').filter(Boolean);
    if (parts.some((part) => part === '..' || part.includes('\0') || part.includes('\\'))) return undefined;
    const [root, real] = await Promise.all([realpath(folder), realpath(join(folder, ...parts))]);
    if (real !== root && !real.startsWith(root + sep)) return undefined;
    return (await stat(real)).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}

/** A file as an answer, streamed. Files whose name holds their digest never change. */
export async function fileAnswer(context: Context, path: string, cache: 'forever' | 'ask'): Promise<Response> {
  const { size } = await stat(path);
  context.header('content-type', TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream');
  context.header('content-length', String(size));
  context.header('cache-control', cache === 'forever' ? 'max-age=31536000, immutable' : 'no-cache');
  if (context.req.method === 'HEAD') return context.body(null);
  return context.body(Readable.toWeb(createReadStream(path)) as ReadableStream);
}

/**
 * Serves a folder of a built page (dist/web/NAME): its files, and index.html for its root and, where `views` is set, for every path
 * that is no file, which the page reads as one of its views.
 */
export const pageFolder =
  (
    folder: string,
    { views = false, below = '' }: { readonly views?: boolean; readonly below?: string } = {},
  ): Handler =>
  async (context, next) => {
    const path = context.req.path.slice(below.length);
    const found = await fileBelow(folder, path);
    if (found) return fileAnswer(context, found, path.startsWith('/assets/') ? 'forever' : 'ask');
    const index = path === '' || path === '/' || (views && extname(path) === '');
    const page = index ? await fileBelow(folder, 'index.html') : undefined;
    return page ? fileAnswer(context, page, 'ask') : next();
  };

import { existsSync } from 'node:fs';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import { UserError } from '../graph/errors.ts';
import { builtPage } from './app.ts';
import { onlyHosts } from './guard.ts';
import { safeHeaders } from './headers.ts';
import { listen } from './listen.ts';
import { pageFolder } from './staticFiles.ts';

/**
 * Where the page that trains in a tab is served. A browser keeps pictures and models for an address, port included: another port is
 * an empty page.
 */
export const PAGE_PORT = 4848;

export interface ServedPage {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Its files alone: nothing of this machine can be read there, so that it asks for no token. */
export function pageApp(hosts: readonly string[], folder: string): Hono {
  const app = new Hono();
  app.use(safeHeaders);
  app.use(onlyHosts(hosts));
  app.get('*', pageFolder(folder));
  return app;
}

/** Serves the page to browsers of this machine. @throws UserError where it is not built, or the port is taken. */
export async function startPage({ port }: { readonly port: number }): Promise<ServedPage> {
  const folder = requireBuilt();
  const server = await listen((_, hosts) => pageApp(hosts, folder), { port });
  return { port: server.port, address: `http://localhost:${server.port}/`, close: server.close };
}

/**
 * Writes the page's files into a new or empty folder, for any web host.
 * @throws UserError where it is not built, or something lies there.
 */
export async function writePage(out: string): Promise<readonly string[]> {
  const folder = requireBuilt();
  await mkdir(out, { recursive: true }).catch(() => undefined);
  const there = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`--out ${out}: wanted a new or empty folder, got ${error.code ?? error.message}`);
  });
  if (there.length > 0)
    throw new UserError(
      `--out ${out}: wanted a new or empty folder, got ${there.slice(0, 3).join(', ')} in it. Delete it, or choose another`,
    );
  await cp(folder, out, { recursive: true });
  return readdir(out);
}

function requireBuilt(): string {
  const folder = builtPage('tab');
  if (!existsSync(join(folder, 'index.html')))
    throw new UserError('the pages are not built (dist/web); in a clone: npm run build');
  return folder;
}

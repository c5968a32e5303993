import { existsSync } from 'node:fs';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import { UserError } from '../graph/errors.ts';
import { builtPage } from './app.ts';
import { type Given, givenAnswer, openGiven } from './given.ts';
import { type GuardOptions, newSecret, onlyHosts, onlyOwnPage, onlyWithToken } from './guard.ts';
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

interface PageOptions extends Pick<GuardOptions, 'hosts' | 'port'> {
  readonly folder: string;
  readonly given?: Given | undefined;
  readonly token: string;
  readonly session: string;
}

/** The page's own files are no secret; the pictures that it is given are told to whoever has the token alone. */
export function pageApp({ hosts, folder, given, ...guard }: PageOptions): Hono {
  const app = new Hono();
  app.use(safeHeaders);
  app.use(onlyHosts(hosts));
  app.use(onlyOwnPage(() => false));
  if (given) {
    const withToken = onlyWithToken({ hosts, ...guard });
    app.get('/', async (context, next) =>
      context.req.query('token') === undefined ? next() : withToken(context, next),
    );
    app.use('/given/*', withToken);
    app.get('/given/:id', (context) => givenAnswer(context, given));
  }
  app.get('*', pageFolder(folder));
  return app;
}

/**
 * Serves the page to browsers of this machine, and pictures of `dir` to be taken into it.
 * @throws UserError where it is not built, there are no such pictures, or the port is taken.
 */
export async function startPage({
  port,
  dir,
}: {
  readonly port: number;
  readonly dir?: string | undefined;
}): Promise<ServedPage> {
  const folder = requireBuilt();
  const given = dir === undefined ? undefined : await openGiven(dir);
  const [token, session] = [newSecret(), newSecret()];
  const server = await listen((own, hosts) => pageApp({ hosts, port: own, folder, given, token, session }), { port });
  const address = `http://localhost:${server.port}/${given ? `?given&token=${token}` : ''}`;
  return { port: server.port, address, close: server.close };
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

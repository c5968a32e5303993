import { existsSync, readFileSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { builtPage, studioApp } from './app.ts';
import { newSecret } from './guard.ts';
import { Jobs } from './jobs/jobs.ts';
import { Library } from './library/library.ts';
import { listen } from './listen.ts';

export interface StudioRequest {
  readonly dir: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Another interface besides the loopback. */
  readonly host?: string | undefined;
}

export interface Studio {
  /** With the token: whoever has it may see and do everything. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Where the studio is looked for first, so that its address stays the same from day to day. */
export const USUAL_PORT = 4747;

/**
 * Starts the studio of a folder.
 * @throws UserError where there is no such folder, or the port or host is refused.
 */
export async function startStudio({ dir, port, host }: StudioRequest): Promise<Studio> {
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new UserError(
      `${dir}: wanted a folder of runs, data and models, got ${existsSync(dir) ? 'a file' : 'nothing there'}`,
    );
  if (!existsSync(join(builtPage('studio'), 'index.html')))
    throw new UserError('the pages are not built (dist/web); in a clone: npm run build');
  const root = await realpath(dir);
  const [token, session] = [newSecret(), newSecret()];
  const parts = { library: new Library(root), jobs: new Jobs(root), version: version() };
  const server = await listen((port, hosts) => studioApp({ ...parts, port, hosts, token, session }), { port, host });
  // The queue goes on also while nobody looks.
  const queue = setInterval(() => void parts.jobs.list().catch(() => undefined), 2000);
  const name = host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const shown = name.includes(':') ? `[${name}]` : name;
  const close = async () => {
    clearInterval(queue);
    await server.close();
  };
  return { port: server.port, address: `http://${shown}:${server.port}/?token=${token}`, close };
}

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

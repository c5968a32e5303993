import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { UserError } from '../graph/errors.ts';

/** The loopback addresses: nobody else reaches them. */
const LOOPBACK = ['127.0.0.1', '::1'] as const;

export interface Listening {
  readonly port: number;
  /** As a browser calls this server: with the port, lower case. */
  readonly hosts: readonly string[];
  close(): Promise<void>;
}

/** `[::1]:80`, as in addresses. */
const inAddress = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * Listens on the loopback addresses, and on `host` where one is given.
 * @param appOf makes the app, once the port is known.
 * @throws UserError where the port is taken or the host is no address of this machine.
 */
export async function listen(
  appOf: (port: number, hosts: readonly string[]) => Hono,
  { port: wanted, host }: { readonly port: number; readonly host?: string | undefined },
): Promise<Listening> {
  const servers: Server[] = [];
  const first = await open(LOOPBACK[0], wanted);
  servers.push(first);
  const { port } = first.address() as AddressInfo;
  // A machine without IPv6 has one loopback address.
  const second = await open(LOOPBACK[1], port).catch(() => undefined);
  if (second) servers.push(second);
  try {
    if (host !== undefined && !(LOOPBACK as readonly string[]).includes(host)) servers.push(await open(host, port));
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  const hosts = ['localhost', ...LOOPBACK, ...(host === undefined ? [] : namesOf(host))];
  const allowed = [...new Set(hosts)].map((name) => inAddress(name, port).toLowerCase());
  const listener = getRequestListener(appOf(port, allowed).fetch);
  for (const server of servers) server.on('request', listener);
  return { port, hosts: allowed, close: async () => void (await Promise.all(servers.map(closed))) };
}

/** Every address that a wildcard stands for. */
function namesOf(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  return [hostname(), ...addresses];
}

function open(host: string, port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refused(error, host, port)));
    server.listen({ port, host, ipv6Only: host === '::1' }, () => resolve(server));
  });
}

function refused({ code }: NodeJS.ErrnoException, host: string, port: number): UserError {
  if (code === 'EADDRINUSE')
    return new UserError(
      `--port ${port}: wanted a free port of ${host}, got one in use. Choose another --port, or leave it out`,
    );
  if (code === 'EACCES')
    return new UserError(`--port ${port}: this user may not listen there. Choose one from 1024 on`);
  return new UserError(`--host ${host}: wanted an address of this machine, got ${code}`);
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

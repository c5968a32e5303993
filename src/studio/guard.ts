import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { refusalPage } from './refusal.ts';

export interface GuardOptions {
  /** What a browser may call this server in the Host header, with the port. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** Of the start address. */
  readonly token: string;
  /** What a browser that knows the token keeps as a cookie. */
  readonly session: string;
}

export const newSecret = (): string => randomBytes(32).toString('base64url');

/** Takes as long for each wrong text, whatever its length. */
export function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Ports share the cookies of a host, so that of each server has its port in the name. */
export const cookieName = (port: number): string => `understudy_${port}`;

/**
 * A page of elsewhere whose name was made to mean this machine (DNS rebinding) names itself in Host.
 * Without it nothing is answered.
 */
export const onlyHosts =
  (hosts: readonly string[]): MiddlewareHandler =>
  async (context, next) => {
    const host = context.req.header('host')?.toLowerCase();
    if (host === undefined || !hosts.includes(host))
      return context.text(`Host: wanted ${hosts.join(' or ')}, got ${JSON.stringify(host ?? '')}`, 403);
    return next();
  };

/**
 * What changes something, and the stream of events, is answered to the page of this very origin alone. Another port of this machine is
 * "same-site" and gets the cookie, so that is not enough.
 */
export const onlyOwnPage =
  (streams: (path: string) => boolean): MiddlewareHandler =>
  async (context, next) => {
    const site = context.req.header('sec-fetch-site');
    const reads = ['GET', 'HEAD'].includes(context.req.method) && !streams(context.req.path);
    if (reads) {
      const navigates = context.req.header('sec-fetch-mode') === 'navigate';
      const foreign = site === 'cross-site' || site === 'same-site';
      return foreign && !navigates ? refuseForeign(context, site) : next();
    }
    const origin = context.req.header('origin');
    const own = site === undefined ? origin === new URL(context.req.url).origin : site === 'same-origin';
    return own ? next() : refuseForeign(context, site ?? origin);
  };

const refuseForeign = (context: Context, got: string | undefined) =>
  context.text(`wanted a request of this server's own page, got one of ${got ?? 'an unknown one'}`, 403);

/** The token of the start address is swapped for a cookie; whoever has neither learns how to come in, and nothing else. */
export const onlyWithToken =
  ({ port, token, session }: GuardOptions): MiddlewareHandler =>
  async (context, next) => {
    const url = new URL(context.req.url);
    const given = url.searchParams.get('token');
    if (given !== null && context.req.method === 'GET' && sameSecret(given, token)) {
      setCookie(context, cookieName(port), session, { httpOnly: true, sameSite: 'Strict', path: '/' });
      url.searchParams.delete('token');
      return context.redirect(`${url.pathname}${url.search}`, 303);
    }
    const cookie = getCookie(context, cookieName(port));
    if (cookie !== undefined && sameSecret(cookie, session)) return next();
    if (context.req.header('accept')?.includes('text/html')) return context.html(refusalPage(), 401);
    return context.json({ error: 'wanted the address that `understudy studio` printed, with its token' }, 401);
  };

/** A body is JSON, which no form of another page can send without being asked first. */
export const onlyJson: MiddlewareHandler = async (context, next) => {
  if (['GET', 'HEAD'].includes(context.req.method)) return next();
  const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    return context.json({ error: `content-type: wanted application/json, got ${type ?? 'none'}` }, 415);
  return next();
};

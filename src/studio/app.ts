import { fileURLToPath } from 'node:url';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { UserError } from '../graph/errors.ts';
import { type GuardOptions, onlyHosts, onlyJson, onlyOwnPage, onlyWithToken } from './guard.ts';
import { safeHeaders } from './headers.ts';
import { pageFolder } from './staticFiles.ts';

/** Bytes of a request's body at most. */
const MOST_BODY = 1 << 20;

export interface StudioOptions extends GuardOptions {
  /** What may be seen lies below. */
  readonly root: string;
}

/** Folder of a built page; beside the compiled code, also for code that runs from src/. */
export const builtPage = (name: string): string => fileURLToPath(new URL(`../../dist/web/${name}`, import.meta.url));

const STREAM = '/api/stream';

/** The studio as a function of requests: guards first, in the order of what they cost. */
export function studioApp(options: StudioOptions): Hono {
  const app = new Hono();
  app.use(safeHeaders);
  app.use(onlyHosts(options.hosts));
  app.use(onlyOwnPage((path) => path === STREAM));
  app.use(onlyWithToken(options));
  app.use(
    bodyLimit({ maxSize: MOST_BODY, onError: (context) => context.json({ error: 'the body is too long' }, 413) }),
  );
  app.use('/api/*', onlyJson);
  app.get('/api/about', (context) => context.json({ root: options.root }));
  app.all('/api/*', (context) => context.json({ error: `${context.req.path}: nothing is there` }, 404));
  app.get('/tab/*', pageFolder(builtPage('tab'), { below: '/tab' }));
  app.get('*', pageFolder(builtPage('studio'), { views: true }));
  app.onError((error, context) => {
    if (error instanceof UserError) return context.json({ error: error.message }, 400);
    throw error;
  });
  return app;
}

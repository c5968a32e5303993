import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { UserError } from '../graph/errors.ts';
import type { Place } from './answers.ts';
import { Pictures } from './data/pictures.ts';
import { dataRoutes } from './data/routes.ts';
import { RunPictures } from './evaluation/runPictures.ts';
import { storeRoutes } from './stores.ts';
import { evaluationRoutes } from './evaluation/routes.ts';
import { type GuardOptions, onlyHosts, onlyJson, onlyOwnPage, onlyWithToken } from './guard.ts';
import { safeHeaders } from './headers.ts';
import { startedCommands } from './jobs/commandLine.ts';
import type { Jobs } from './jobs/jobs.ts';
import { jobRoutes, tellRuns } from './jobs/routes.ts';
import { withAbout } from './library/about.ts';
import { type Library, NotThere } from './library/library.ts';
import { inspectionRoutes } from './models/inspection.ts';
import { modelFiles } from './models/routes.ts';
import { takingAway } from './models/takingAway.ts';
import { askDoctor } from './newRun/doctor.ts';
import { runRoutes } from './runs/routes.ts';
import { RunSummaries } from './runs/summary.ts';
import { pageFolder } from './staticFiles.ts';
import { setRoutes } from './sets/routes.ts';
import { studyRoutes } from './studies/routes.ts';
import { eventStream, type ListsVersion } from './stream.ts';

/** Bytes of a request's body at most. */
const MOST_BODY = 1 << 20;

export interface StudioOptions extends GuardOptions {
  readonly library: Library;
  readonly jobs: Jobs;
  readonly version: string;
}

/** Folder of a built page; beside the compiled code, also for code that runs from src/. */
export const builtPage = (name: string): string => fileURLToPath(new URL(`../../dist/web/${name}`, import.meta.url));

const KINDS = ['study', 'data', 'model', 'set'] as const;

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
  app.route('/api', api(options));
  app.all('/api/*', (context) => context.json({ error: `${context.req.path}: nothing is there` }, 404));
  app.get('/tab/*', pageFolder(builtPage('tab'), { below: '/tab' }));
  app.get('*', pageFolder(builtPage('studio'), { views: true }));
  // What both pages have, the runtime's WebAssembly above all, lies in the other one alone.
  app.get('/assets/*', pageFolder(builtPage('tab')));
  app.onError((error, context) => {
    if (error instanceof NotThere) return context.json({ error: error.message }, 404);
    if (error instanceof UserError || error instanceof SyntaxError) return context.json({ error: error.message }, 400);
    throw error;
  });
  return app;
}

/** What the views ask for and do. */
function api({ library, jobs, version }: StudioOptions): Hono {
  const app = new Hono();
  const summaries = new RunSummaries();
  app.get('/about', (context) => context.json({ root: library.root, version }));
  app.get('/places', async (context) => {
    const [studies, data, models, sets] = await Promise.all(KINDS.map((kind) => library.list(kind)));
    const about = (places: readonly Place[]) => Promise.all(places.map((place) => withAbout(library, place)));
    return context.json({ studies, data: await about(data!), models: await about(models!), sets });
  });
  app.route('/runs', runRoutes(library, summaries));
  app.route('/runs', tellRuns(library));
  app.route('/jobs', jobRoutes(jobs, library));
  app.route('/studies', studyRoutes(library));
  const pictures = new Pictures(library.root);
  app.route('/data', dataRoutes(library, pictures));
  app.route('/sets', setRoutes(library, pictures));
  const judged = new RunPictures(library);
  app.route('/runs', evaluationRoutes(pictures, judged));
  app.route('/', inspectionRoutes(library, pictures, judged));
  app.route('/stores', storeRoutes());
  app.route('/runs', modelFiles(library, 'run'));
  app.route('/models', modelFiles(library, 'model'));
  app.route('/models', takingAway(library, jobs));
  app.get('/commands', async (context) => context.json({ commands: await startedCommands() }));
  app.get('/form', async (context) => {
    // It comes with all models and methods: not before it is asked for.
    const { newRunForm } = await import('./newRun/form.ts');
    return context.json(await newRunForm());
  });
  app.post('/doctor', async (context) =>
    context.json((await askDoctor(library.root, await context.req.json(), context.req.raw.signal)) as object),
  );
  app.get('/stream', eventStream({ library, version: listsVersion(library, jobs, summaries) }));
  return app;
}

/** What lists would show; made at most once a second, however many ask. */
function listsVersion(library: Library, jobs: Jobs, summaries: RunSummaries): () => Promise<ListsVersion> {
  let [made, at] = [Promise.resolve({ what: '', all: '' }), Number.NEGATIVE_INFINITY];
  const digest = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');
  const make = async (): Promise<ListsVersion> => {
    const places = await library.list('run');
    const runs = await Promise.all(places.map((place) => summaries.of(place, library).catch(() => undefined)));
    const states = runs.map((run, i) => [places[i]!.id, run?.state, run?.last?.step]);
    const others = [await jobs.list(), await Promise.all(KINDS.map((kind) => library.list(kind)))];
    return { what: digest([states, others]), all: digest([runs, others]) };
  };
  return () => {
    if (performance.now() - at > 900) [made, at] = [make(), performance.now()];
    return made;
  };
}

import { Hono } from 'hono';
import { z } from 'zod';
import { schemaProblem } from '../../formats/disk/schemaProblem.ts';
import { UserError } from '../../graph/errors.ts';
import { WISHES } from '../../host/wish.ts';
import { askRun } from '../../run/training/tellRunNode.ts';
import type { JobAnswer, JobView, Kind } from '../answers.ts';
import type { Library } from '../library/library.ts';
import { argumentsOf, commandLine } from './commandLine.ts';
import type { Jobs } from './jobs.ts';
import { placesNamed } from './placesNamed.ts';
import type { Job } from './record.ts';

/** A job as the pages know it. */
export const jobView = ({ process: _, ...job }: Job): JobView => ({ ...job, line: commandLine(job.args) });

const KINDS: readonly Kind[] = ['run', 'study', 'set', 'model', 'data'];

/** Commands: what waits, runs and is over; begin one, stop one. */
export function jobRoutes(jobs: Jobs, library: Library): Hono {
  const app = new Hono();
  app.get('/', async (context) => context.json({ jobs: (await jobs.list()).map(jobView) }));
  app.post('/', async (context) =>
    context.json({ job: jobView(await jobs.add(await argumentsOf(await context.req.json()))) }),
  );
  /** The line alone, to be jobView before anything begins. */
  app.post('/line', async (context) =>
    context.json({ line: commandLine(await argumentsOf(await context.req.json())) }),
  );
  app.get('/:id', async (context) => {
    const id = context.req.param('id');
    const [job, output] = [jobView(await jobs.get(id)), await jobs.output(id)];
    const places = (await Promise.all(KINDS.map((kind) => library.list(kind)))).flat();
    return context.json({ job, output, places: placesNamed(`${job.line}\n${output}`, places) } satisfies JobAnswer);
  });
  app.post('/:id/stop', async (context) => context.json({ job: jobView(await jobs.stop(context.req.param('id'))) }));
  return app;
}

const askedFor = z.strictObject({ what: z.enum(WISHES) });

/** Asks a run for a checkpoint or to end, whoever started it. */
export function tellRuns(library: Library): Hono {
  const app = new Hono();
  app.post('/:id/tell', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const asked = askedFor.safeParse(await context.req.json());
    if (!asked.success) throw new UserError(`the request: ${schemaProblem(asked.error)}`);
    await askRun(await library.path(place), asked.data.what);
    return context.json({ asked: asked.data.what });
  });
  return app;
}

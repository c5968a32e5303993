import { readFile } from 'node:fs/promises';
import { Hono } from 'hono';
import { lockName } from '../../formats/disk/folderLockNode.ts';
import { isAlive, type ProcessName } from '../../formats/disk/processNode.ts';
import { UserError } from '../../graph/errors.ts';
import type { JobView } from '../answers.ts';
import type { Library } from '../library/library.ts';
import { argumentsOf, commandLine } from './commandLine.ts';
import type { Jobs } from './jobs.ts';
import type { Job } from './record.ts';

const shown = ({ process: _, ...job }: Job): JobView => ({ ...job, line: commandLine(job.args) });

/** Commands: what waits, runs and is over; begin one, stop one. */
export function jobRoutes(jobs: Jobs): Hono {
  const app = new Hono();
  app.get('/', async (context) => context.json({ jobs: (await jobs.list()).map(shown) }));
  app.post('/', async (context) =>
    context.json({ job: shown(await jobs.add(await argumentsOf(await context.req.json()))) }),
  );
  /** The line alone, to be shown before anything begins. */
  app.post('/line', async (context) =>
    context.json({ line: commandLine(await argumentsOf(await context.req.json())) }),
  );
  app.get('/:id', async (context) => {
    const id = context.req.param('id');
    return context.json({ job: shown(await jobs.get(id)), output: await jobs.output(id) });
  });
  app.post('/:id/stop', async (context) => context.json({ job: shown(await jobs.stop(context.req.param('id'))) }));
  return app;
}

/** Stops a run, whoever started it: its lock names the process. */
export function stopRun(library: Library): Hono {
  const app = new Hono();
  app.post('/:id/stop', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const path = await library.file(place, lockName);
    const text = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '');
    const owner = parsed(text);
    const alive = owner === undefined ? false : isAlive(owner);
    if (alive === undefined)
      throw new UserError(
        `${place.path}: wanted a run of this machine, got one of another machine or container; stop it there`,
      );
    if (!alive) throw new UserError(`${place.path}: nobody works at it any more`);
    process.kill(owner!.pid, 'SIGINT');
    return context.json({ stopped: true });
  });
  return app;
}

function parsed(text: string): ProcessName | undefined {
  try {
    const { pid, host, started, namespace } = JSON.parse(text) as ProcessName;
    return { pid, host, started, namespace };
  } catch {
    return undefined;
  }
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import type { Library } from '../library/library.ts';
import { CurveCache } from './curves.ts';
import { readLogTail } from './logTail.ts';
import { cursorText } from './metricsFile.ts';
import { readSettings, RunSummaries } from './summary.ts';

/** Points of a curve: more than a screen can show. */
const [USUAL_POINTS, MOST_POINTS] = [800, 4000];

/** What is known of runs, for reading. */
export function runRoutes(library: Library, summaries = new RunSummaries()): Hono {
  const app = new Hono();
  const curves = new CurveCache();
  app.get('/', async (context) => {
    const places = await library.list('run');
    const runs = await Promise.all(places.map(async (place) => summaries.of(place, await library.path(place))));
    return context.json({ runs });
  });
  app.get('/:id', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const folder = await library.path(place);
    const [summary, config, text, details, log] = await Promise.all([
      summaries.of(place, folder),
      readSettings(join(folder, 'config.yaml')),
      readFile(join(folder, 'config.yaml'), 'utf8').catch(() => ''),
      readSetup(join(folder, 'evaluation.json')),
      readLogTail(join(folder, 'train.log')),
    ]);
    return context.json({ run: summary, config: config.value, configText: text, setup: details, log: log.lines });
  });
  app.get('/:id/curves', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const path = join(await library.path(place), 'metrics.jsonl');
    const number = (name: string): number | undefined => {
      const value = Number(context.req.query(name) ?? Number.NaN);
      return Number.isFinite(value) ? value : undefined;
    };
    const points = Math.max(2, Math.min(MOST_POINTS, Math.floor(number('points') ?? USUAL_POINTS)));
    const read = await curves.of(path).read({ from: number('from'), to: number('to'), points });
    return context.json({ ...read, cursor: cursorText(read.cursor) });
  });
  return app;
}

/** What the run was and what it chose, as its best evaluation says; null before one. */
async function readSetup(path: string): Promise<unknown> {
  try {
    const { setup } = JSON.parse(await readFile(path, 'utf8')) as { setup?: unknown };
    return setup ?? null;
  } catch {
    return null;
  }
}

import { stat } from 'node:fs/promises';
import { Hono } from 'hono';
import { LAST } from '../../train/runFolder.ts';
import type { Saved } from '../answers.ts';
import type { Library } from '../library/library.ts';
import { CurveCache } from './curves.ts';
import { readLogTail } from './logTail.ts';
import { cursorText, START } from './metricsFile.ts';
import { readSettings, readText, RunSummaries } from './summary.ts';

/** Points of a curve: more than a screen can show. */
const [USUAL_POINTS, MOST_POINTS] = [800, 4000];

/** What is known of runs, for reading. */
export function runRoutes(library: Library, summaries = new RunSummaries()): Hono {
  const app = new Hono();
  const curves = new CurveCache();
  app.get('/', async (context) => {
    const places = await library.list('run');
    const runs = await Promise.all(places.map((place) => summaries.of(place, library)));
    return context.json({ runs });
  });
  app.get('/:id', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const file = (name: string) => library.file(place, name);
    const configPath = await file('config.yaml');
    const [summary, config, text, details, saved, log] = await Promise.all([
      summaries.of(place, library),
      readSettings(configPath),
      readText(configPath),
      file('evaluation.json').then(readSetup),
      file(`${LAST}/state.json`).then(readSaved),
      file('train.log').then(readLogTail),
    ]);
    return context.json({
      run: summary,
      config: config.value,
      configText: text,
      setup: details,
      saved,
      log: log.lines,
    });
  });
  app.get('/:id/curves', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const path = await library.file(place, 'metrics.jsonl');
    const number = (name: string): number | undefined => {
      const value = Number(context.req.query(name) ?? Number.NaN);
      return Number.isFinite(value) ? value : undefined;
    };
    const points = Math.max(2, Math.min(MOST_POINTS, Math.floor(number('points') ?? USUAL_POINTS)));
    if (path === undefined) return context.json({ cursor: cursorText(START), curves: {}, steps: 0 });
    const read = await curves.of(path).read({ from: number('from'), to: number('to'), points });
    return context.json({ ...read, cursor: cursorText(read.cursor) });
  });
  return app;
}

/** Null before a checkpoint, and while one takes another's place. */
async function readSaved(path: string | undefined): Promise<Saved | null> {
  if (path === undefined) return null;
  try {
    const { mtimeMs: time } = await stat(path);
    const { step } = JSON.parse(await readText(path)) as { step?: unknown };
    return typeof step === 'number' ? { step, time } : null;
  } catch {
    return null;
  }
}

/** What the run was and what it chose, as its best evaluation says; null before one. */
async function readSetup(path: string | undefined): Promise<unknown> {
  try {
    const { setup } = JSON.parse(await readText(path)) as { setup?: unknown };
    return setup ?? null;
  } catch {
    return null;
  }
}

import { Hono } from 'hono';
import { z } from 'zod';
import type { Advice } from '../../advise/advice.ts';
import { ofThisRelease } from '../../advise/olderAdvice.ts';
import { UserError } from '../../graph/errors.ts';
import type { StudyReport } from '../../study/tables/rows.ts';
import type { Place, StudyAnswer } from '../answers.ts';
import type { Library } from '../library/library.ts';
import { readText } from '../runs/summary.ts';

/** What the page relies on; the rest is as the command wrote it. */
const reportSchema = z.looseObject({
  name: z.string(),
  metric: z.string(),
  axes: z.array(z.looseObject({ name: z.string(), labels: z.array(z.string()), seed: z.boolean() })),
  baseline: z.looseObject({ axis: z.string(), label: z.string() }).nullable(),
  teachers: z.array(z.looseObject({ id: z.string() })),
  runs: z.array(z.looseObject({ id: z.string(), labels: z.record(z.string(), z.string()) })),
  table: z.array(z.looseObject({ labels: z.record(z.string(), z.string()), n: z.number(), planned: z.number() })),
});

const adviceSchema = z.looseObject({
  version: z.literal(1),
  verdict: z.looseObject({ kind: z.enum(['worth', 'notWorth', 'unclear']), text: z.string() }),
  method: z.string(),
  metric: z.string(),
  trainImages: z.number(),
  final: z.array(z.looseObject({ arm: z.string(), mean: z.number(), scores: z.array(z.number()), run: z.string() })),
  gains: z.array(z.looseObject({ over: z.string(), gain: z.number() })),
  search: z.array(z.looseObject({ rows: z.array(z.looseObject({ arm: z.string() })) })),
  refused: z.array(z.looseObject({ name: z.string(), why: z.string() })),
  notes: z.array(z.string()),
  next: z.string(),
});

/** Studies and advices: what `understudy study` and `understudy advise` wrote of them, and the runs that they are made of. */
export function studyRoutes(library: Library): Hono {
  const app = new Hono();
  app.get('/:id', async (context) => {
    const place = await library.place('study', context.req.param('id'));
    const [report, advice, runs] = await Promise.all([
      readAs<StudyReport>(library, place, 'results.json', reportSchema),
      readAs<Advice>(library, place, 'advice.json', adviceSchema),
      library.list('run'),
    ]);
    const own = runs.filter(({ study }) => study === place.id);
    const start = place.path === '' ? 0 : place.path.length + 1;
    const answer: StudyAnswer = {
      place,
      report: report && withoutBits(report),
      advice: advice && ofThisRelease(advice),
      runs: Object.fromEntries(own.map(({ id, path }) => [path.slice(start), id])),
      file: (await library.file(place, 'study.yaml')) !== undefined,
    };
    return context.json(answer);
  });
  return app;
}

/** Null where there is none. @throws UserError where it is damaged */
async function readAs<T>(library: Library, place: Place, name: string, schema: z.ZodType): Promise<T | null> {
  const text = await readText(await library.file(place, name));
  if (text === '') return null;
  try {
    const value = JSON.parse(text) as unknown;
    schema.parse(value);
    return value as T;
  } catch {
    throw new UserError(
      `${place.path}/${name}: wanted what the command writes there, got something else; the same command writes it anew`,
    );
  }
}

/** What each run said of each image has gone into the intervals; a page has no use for it. */
const withoutBits = (report: StudyReport): StudyReport => ({
  ...report,
  runs: report.runs.map(({ right: _, ...row }) => row),
  teachers: report.teachers.map(({ right: _, ...row }) => row),
});

import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Hono } from 'hono';
import { z } from 'zod';
import { UserError } from '../../graph/errors.ts';
import { type BatchRecord, type ImageRecord, WORK } from '../../run/synthesis/batchFolder.ts';
import { setProgress } from '../../run/synthesis/setProgress.ts';
import type { SetDescription } from '../../run/synthesis/settingsFile.ts';
import { COURSE_FILE, type CourseRow, looksIn, PREVIEW_FILE } from '../../run/synthesis/courseFile.ts';
import type { Curve, Place, SetAnswer, SetFigures } from '../answers.ts';
import { pictureAnswer, whole } from '../data/routes.ts';
import type { Pictures } from '../data/pictures.ts';
import { type Library, NotThere } from '../library/library.ts';
import { readText } from '../runs/summary.ts';
import { thin } from '../runs/thin.ts';

/** Rounds of a set at most, and points of a curve. */
const [MOST_ROUNDS, POINTS] = [99, 800];

const figures = z.looseObject({
  teacherTop1: z.number(),
  teacherConfidence: z.number(),
  normGaps: z.array(z.looseObject({ name: z.string(), mean: z.number(), variance: z.number() })),
});

/** Images made from a teacher, as they form. */
export function setRoutes(library: Library, pictures: Pictures): Hono {
  const app = new Hono();
  const opened = async (id: string, given: number | undefined) => {
    const place = await library.place('set', id);
    const dir = await library.path(place);
    const rounds = await roundsOf(library, place, dir);
    const round = Math.min(given ?? rounds.length, rounds.length);
    const description = rounds[round - 1];
    if (!description) throw new NotThere(`${place.path}: round ${round} was not begun`);
    // A link that leads out of the studio's folder is not followed.
    const within = (await library.file(place, WORK)) !== undefined;
    const progress = within ? await setProgress(dir, round) : { finished: [], makers: [] };
    return { place, dir, round, rounds: rounds.length, description, ...progress };
  };
  app.get('/:id', async (context) =>
    context.json(
      await answerOf(library, await opened(context.req.param('id'), whole(context, 'round', 1, MOST_ROUNDS))),
    ),
  );
  app.get('/:id/preview', async (context) => {
    const { dir } = await opened(context.req.param('id'), undefined);
    return pictureAnswer(context, pictures, join(dir, PREVIEW_FILE));
  });
  /** The nth image of a class, the newest first. */
  app.get('/:id/classes/:class/:n', async (context) => {
    const { dir, description, finished } = await opened(
      context.req.param('id'),
      whole(context, 'round', 1, MOST_ROUNDS),
    );
    const name = description.classes[Number(context.req.param('class'))];
    const n = Number(context.req.param('n'));
    const image = n >= 0 ? imagesOf(finished, name).at(-1 - n) : undefined;
    if (image === undefined) throw new NotThere('this picture is not there');
    return pictureAnswer(context, pictures, join(dir, image.path));
  });
  app.post('/:id/stop', async (context) => {
    const { place, makers } = await opened(context.req.param('id'), undefined);
    if (makers.length === 0) throw new UserError(`${place.path}: no process of this machine makes images of it`);
    for (const { pid } of makers) process.kill(pid, 'SIGINT');
    return context.json({ stopped: makers.length });
  });
  return app;
}

async function roundsOf(library: Library, place: Place, dir: string): Promise<SetDescription[]> {
  // What digests a teacher comes with it: not before it is asked for.
  const { descriptionFile, readDescription } = await import('../../run/synthesis/settingsFile.ts');
  const found: SetDescription[] = [];
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    if ((await library.file(place, basename(descriptionFile(dir, round)))) === undefined) break;
    const description = readDescription(dir, round);
    if (!description) break;
    found.push(description);
  }
  return found;
}

interface Opened {
  readonly place: Place;
  readonly dir: string;
  readonly round: number;
  readonly rounds: number;
  readonly description: SetDescription;
  readonly finished: readonly BatchRecord[];
  readonly makers: readonly unknown[];
}

async function answerOf(library: Library, opened: Opened): Promise<SetAnswer> {
  const { place, round, rounds, description, finished, makers } = opened;
  const preview = await library.file(place, PREVIEW_FILE);
  const looks = looksIn(await readText(await library.file(place, COURSE_FILE)));
  return {
    ...{ place, round, rounds, perClass: description.perClass },
    images: finished.reduce((sum, { images }) => sum + images.length, 0),
    running: makers.length > 0,
    classes: description.classes.map((name) => {
      const images = imagesOf(finished, name);
      return {
        ...{ name, images: images.length },
        confidence: meanOf(images.map(({ confidence }) => confidence)),
        loss: meanOf(images.map(({ loss }) => loss)),
      };
    }),
    curves: curvesOf(looks.filter((look) => look.round === round)),
    preview:
      preview === undefined
        ? null
        : await stat(preview).then(
            ({ mtimeMs }) => mtimeMs,
            () => null,
          ),
    quality: await readFigures(await library.file(place, 'quality.json')),
    settings: description.settings,
  };
}

const imagesOf = (finished: readonly BatchRecord[], name: string | undefined): ImageRecord[] =>
  finished.flatMap(({ images }) => images.filter((image) => image.class === name));

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

async function readFigures(path: string | undefined): Promise<SetFigures | null> {
  try {
    const value = JSON.parse(await readText(path)) as unknown;
    return figures.safeParse(value).success ? (value as SetFigures) : null;
  } catch {
    return null;
  }
}

/** Over the iterations of all batches, in their order, whoever makes them. */
function curvesOf(looks: readonly CourseRow[]): Record<string, Curve> {
  const columns = new Map<string, { x: number[]; y: (number | null)[] }>();
  const lengths = new Map<number, number>();
  for (const { stage, total } of looks) lengths.set(stage, total);
  const stages = [...lengths.keys()].sort((a, b) => a - b);
  const before = (stage: number) =>
    stages.filter((one) => one < stage).reduce((sum, one) => sum + lengths.get(one)!, 0);
  const batchLength = before(Number.POSITIVE_INFINITY);
  for (const { batch, stage, step, loss, terms } of looks) {
    const x = batch * batchLength + before(stage) + step;
    for (const [name, value] of Object.entries({ loss, ...terms })) {
      const column = columns.get(name) ?? { x: [], y: [] };
      columns.set(name, column);
      column.x.push(x);
      column.y.push(value);
    }
  }
  return Object.fromEntries([...columns].map(([name, { x, y }]) => [name, thin(x, y, POINTS)]));
}

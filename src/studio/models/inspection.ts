import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Hono } from 'hono';
import { valueAt } from '../../config/settings.ts';
import { UserError } from '../../graph/errors.ts';
import type { Place } from '../answers.ts';
import { ask } from '../asking/ask.ts';
import { imageAnswer } from '../data/routes.ts';
import type { Pictures } from '../data/pictures.ts';
import type { RunPictures } from '../evaluation/runPictures.ts';
import { type Library, NotThere } from '../library/library.ts';
import { readSettings } from '../runs/summary.ts';

/** What models are and what they have learned, asked of processes of their own. */
export function inspectionRoutes(library: Library, pictures: Pictures, runs: RunPictures): Hono {
  const app = new Hono();
  const inspect = async (place: Place) => (await ask('inspect', [await library.path(place)])).head as object;
  app.get('/runs/:id/inspect', async (context) =>
    context.json(await inspect(await library.place('run', context.req.param('id')))),
  );
  app.get('/models/:id/inspect', async (context) =>
    context.json(await inspect(await library.place('model', context.req.param('id')))),
  );
  app.get('/runs/:id/learned', async (context) => {
    const place = await library.place('run', context.req.param('id'));
    const { data, teacher } = await settingsOf(library, place);
    if (data === undefined) throw new NotThere(outside(place, 'pictures'));
    const models = [await library.path(place), ...(teacher === undefined ? [] : [teacher])];
    return context.json((await ask('learned', [data, ...models], { signal: context.req.raw.signal })).head as object);
  });
  app.get('/models/:id/learned', async (context) => {
    const place = await library.place('model', context.req.param('id'));
    const data = await library.place('data', context.req.query('data') ?? '');
    const args = [await library.path(data), await library.path(place)];
    return context.json((await ask('learned', args, { signal: context.req.raw.signal })).head as object);
  });
  app.get('/runs/:id/pictures/:i/attention', async (context) => {
    const { id, i } = context.req.param();
    const place = await library.place('run', id);
    const image = await pictures.file(await runs.address(id, Number(i)));
    const of =
      context.req.query('of') === 'teacher' ? (await settingsOf(library, place)).teacher : await library.path(place);
    if (of === undefined) throw new NotThere(outside(place, 'teacher'));
    const { body } = await ask('attention', [of, image], { signal: context.req.raw.signal });
    return imageAnswer(context, body, 'image/png');
  });
  return app;
}

const outside = ({ path }: Place, what: string): string =>
  `${path}: the ${what} of this run cannot be found in the studio’s folder; start \`understudy studio\` on a folder that holds both`;

/** Data and teacher of a run, where they lie in the studio's folder. */
async function settingsOf(
  library: Library,
  place: Place,
): Promise<{ data: string | undefined; teacher: string | undefined }> {
  const { value, damaged } = await readSettings(await library.file(place, 'config.yaml'));
  if (damaged !== undefined) throw new UserError(damaged);
  const found = (key: string) => inFolder(library, place, valueAt(value, key));
  return { data: (await found('data.valDir')) ?? (await found('data.dir')), teacher: await found('teacher.ref') };
}

/** A run does not say where it was started: in the studio's folder, or in one between that and its own. */
async function inFolder(library: Library, place: Place, path: unknown): Promise<string | undefined> {
  if (typeof path !== 'string' || path === '') return undefined;
  const below = path.startsWith(`${library.root}/`) ? path.slice(library.root.length + 1) : path;
  if (below.startsWith('/')) return undefined;
  for (let folder = place.path; ; folder = dirname(folder)) {
    const at = folder === '.' ? '' : folder;
    const found = await library.path({ ...place, path: at }, below).catch(() => undefined);
    if (found !== undefined && (await stat(found).catch(() => undefined))) return found;
    if (at === '') return undefined;
  }
}

import { type Context, Hono } from 'hono';
import { AUGMENT_PRESETS } from '../../config/augmentPresets.ts';
import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import { ask } from '../asking/ask.ts';
import { type Library, NotThere } from '../library/library.ts';
import { Catalogues } from './catalogues.ts';
import type { Filter } from './catalogue.ts';
import type { Pictures } from './pictures.ts';

/** Rows of an answer at most, and sides of the copies of pictures, px. */
const MOST_ROWS = 500;
const SIDES: readonly number[] = [160, 640];

/** Data sets: their classes, their pictures by filters, small copies of them, what training makes of them. */
export function dataRoutes(library: Library, pictures: Pictures): Hono {
  const app = new Hono();
  const catalogues = new Catalogues(library);
  app.get('/:id', async (context) =>
    context.json(await catalogues.state(await library.place('data', context.req.param('id')))),
  );
  app.post('/:id/again', async (context) => {
    const place = await library.place('data', context.req.param('id'));
    catalogues.forget(place.id);
    return context.json(await catalogues.state(place));
  });
  app.get('/:id/pictures', async (context) => {
    const catalogue = await catalogues.get(context.req.param('id'));
    const found = await catalogue.find(filterOf(context, catalogue.head.classes.length));
    const from = whole(context, 'from', 0, Number.MAX_SAFE_INTEGER) ?? 0;
    const count = whole(context, 'count', 1, MOST_ROWS) ?? 100;
    const rows = Array.from(found.subarray(from, from + count), (i) => catalogue.row(i));
    return context.json({ total: found.length, from, rows });
  });
  const pictureOf = async (context: Context) => {
    const catalogue = await catalogues.get(context.req.param('id')!);
    const i = Number(context.req.param('i'));
    if (!(Number.isInteger(i) && i >= 0 && i < catalogue.head.images))
      throw new NotThere(`picture ${context.req.param('i')}: there is none`);
    return { catalogue, i };
  };
  app.get('/:id/pictures/:i/row', async (context) => {
    const { catalogue, i } = await pictureOf(context);
    return context.json(catalogue.row(i));
  });
  app.get('/:id/pictures/:i', async (context) => {
    const { catalogue, i } = await pictureOf(context);
    return pictureAnswer(context, pictures, catalogue.address(i));
  });
  app.get('/:id/augmented', async (context) => {
    const path = await library.path(await library.place('data', context.req.param('id')));
    const preset = context.req.query('preset') ?? '';
    if (!Object.hasOwn(AUGMENT_PRESETS, preset)) throw unknownName('preset', preset, Object.keys(AUGMENT_PRESETS));
    const { body } = await ask('augmented', [path, preset, library.root], { signal: context.req.raw.signal });
    return imageAnswer(context, body, 'image/png');
  });
  return app;
}

/** `?side=` of a picture at an address. */
export async function pictureAnswer(context: Context, pictures: Pictures, address: string): Promise<Response> {
  const side = Number(context.req.query('side') ?? SIDES[0]);
  if (!SIDES.includes(side)) throw new UserError(`side: wanted ${SIDES.join(' or ')}`);
  return imageAnswer(context, await pictures.copy(address, side, context.req.raw.signal), 'image/webp');
}

export function imageAnswer(context: Context, bytes: Uint8Array, type: 'image/webp' | 'image/png'): Response {
  context.header('content-type', type);
  context.header('cache-control', 'private, max-age=300');
  return context.body(bytes as Uint8Array<ArrayBuffer>);
}

function filterOf(context: Context, classes: number): Filter {
  const split = context.req.query('split');
  if (split !== undefined && split !== 'train' && split !== 'val') throw new UserError('split: wanted train or val');
  return { class: whole(context, 'class', 0, classes - 1), split, name: context.req.query('q')?.slice(0, 200) };
}

/** @throws UserError */
export function whole(context: Context, name: string, least: number, most: number): number | undefined {
  const text = context.req.query(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(/^\d+$/.test(text) && value >= least && value <= most))
    throw new UserError(`${name}: wanted a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  return value;
}

import { type Context, Hono } from 'hono';
import { UserError } from '../../graph/errors.ts';
import type { JudgedKind } from '../answers.ts';
import { pictureAnswer, whole } from '../data/routes.ts';
import type { Pictures } from '../data/pictures.ts';
import { NotThere } from '../library/library.ts';
import type { RunPictures } from './runPictures.ts';

const KINDS: readonly JudgedKind[] = ['wrong', 'differ', 'labels'];
const MOST_ROWS = 500;

/** What runs say of their validation images: confusion, calibration, and the pictures behind each number. */
export function evaluationRoutes(pictures: Pictures, runs: RunPictures): Hono {
  const app = new Hono();
  app.get('/:id/evaluation', async (context) => {
    const known = await runs.of(context.req.param('id'));
    return context.json({ evaluation: known?.judged.together() ?? null });
  });
  app.get('/:id/pictures', async (context) => {
    const known = await runs.of(context.req.param('id'));
    if (!known) throw new NotThere('this run says nothing of single pictures yet');
    const { judged } = known;
    const most = judged.classes.length - 1;
    const found = judged.find({
      kind: kindOf(context),
      class: whole(context, 'class', 0, most),
      prediction: whole(context, 'prediction', 0, most),
    });
    const from = whole(context, 'from', 0, Number.MAX_SAFE_INTEGER) ?? 0;
    const count = whole(context, 'count', 1, MOST_ROWS) ?? 100;
    const rows = found.slice(from, from + count).map((i) => judged.row(i));
    return context.json({ total: found.length, from, rows });
  });
  app.get('/:id/pictures/:i/row', async (context) => {
    const { id, i } = context.req.param();
    const known = await runs.of(id);
    if (known?.judged.images[Number(i)] === undefined) throw new NotThere(`picture ${i}: the run says nothing of it`);
    return context.json(known.judged.row(Number(i)));
  });
  app.get('/:id/pictures/:i', async (context) =>
    pictureAnswer(context, pictures, await runs.address(context.req.param('id'), Number(context.req.param('i')))),
  );
  return app;
}

function kindOf(context: Context): JudgedKind | undefined {
  const kind = context.req.query('kind');
  if (kind === undefined) return undefined;
  const known = KINDS.find((one) => one === kind);
  if (!known) throw new UserError(`kind: wanted one of ${KINDS.join(', ')}`);
  return known;
}

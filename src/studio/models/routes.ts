import { Hono } from 'hono';
import type { Kind } from '../answers.ts';
import { type Library, NotThere } from '../library/library.ts';
import { fileAnswer } from '../staticFiles.ts';

/** All that a page asks of a model folder, to run it. */
const FILES: readonly string[] = ['config.json', 'preprocessor_config.json', 'model.safetensors'];

/** Files of models: those of a run's best student lie in its `model/`. */
export function modelFiles(library: Library, kind: Extract<Kind, 'run' | 'model'>): Hono {
  const app = new Hono();
  app.get('/:id/model/:file', async (context) => {
    const { id, file } = context.req.param();
    const place = await library.place(kind, id);
    if (!FILES.includes(file)) throw new NotThere(`${file}: wanted one of ${FILES.join(', ')}`);
    const inside = kind === 'run' ? ['model', file] : [file];
    const path = await library.path(place, ...inside).catch(() => {
      throw new NotThere(
        `${place.path}: ${inside.join('/')} is not there; the page runs folders that Understudy wrote (the model/ of a run, an export)`,
      );
    });
    return fileAnswer(context, path, 'ask');
  });
  return app;
}

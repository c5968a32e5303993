import { Readable } from 'node:stream';
import { Hono } from 'hono';
import type { VerifyReport } from '../../run/exporting/verify.ts';
import type { ModelFile, Place, SnippetsAnswer, Verified } from '../answers.ts';
import { ask } from '../asking/ask.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { jobView } from '../jobs/routes.ts';
import type { Library } from '../library/library.ts';
import { filesOf } from './modelFolder.ts';
import { zipped } from './zip.ts';

/** Taking a model away: its files, together as a zip, the code that runs them, and what `understudy verify` said. */
export function takingAway(library: Library, jobs: Jobs): Hono {
  const app = new Hono();
  app.get('/:id/files', async (context) => {
    const place = await library.place('model', context.req.param('id'));
    const files = await filesOf(library, place);
    return context.json({
      files: files.map(({ path, bytes }): ModelFile => ({ path, bytes })),
      verified: await verified(jobs, place),
    });
  });
  app.get('/:id/snippets', async (context) => {
    const place = await library.place('model', context.req.param('id'));
    return context.json((await ask<SnippetsAnswer>('snippets', [await library.path(place)])).head);
  });
  app.get('/:id/zip', async (context) => {
    const place = await library.place('model', context.req.param('id'));
    const folder = place.name.split('/').at(-1)!;
    const files = (await filesOf(library, place)).map(({ path, file }) => ({ path: `${folder}/${path}`, file }));
    const zip = await zipped(files);
    context.header('content-type', 'application/zip');
    context.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(`${folder}.zip`)}`);
    context.header('cache-control', 'no-store');
    return context.body(Readable.toWeb(Readable.from(zip)) as ReadableStream);
  });
  return app;
}

/** The last `understudy verify` of the model that was started here. */
async function verified(jobs: Jobs, place: Place): Promise<Verified | null> {
  const all = await jobs.list();
  const job = all.findLast(
    ({ args }) => args[0] === 'verify' && args[1] === (place.path || '.') && args.includes('--json'),
  );
  if (!job) return null;
  return { job: jobView(job), report: reportIn(await jobs.output(job.id)) };
}

/** What a command with --json printed, between its remarks. */
function reportIn(output: string): VerifyReport | null {
  const [text] = /^\{\n[\s\S]*?^\}$/m.exec(output) ?? [];
  return text === undefined ? null : (JSON.parse(text) as VerifyReport);
}

import { readdir, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Hono } from 'hono';
import type { VerifyReport } from '../../run/exporting/verify.ts';
import type { ModelFile, Place, SnippetsAnswer, Verified } from '../answers.ts';
import { ask } from '../asking/ask.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { jobView } from '../jobs/routes.ts';
import type { Library } from '../library/library.ts';
import { zipped } from './zip.ts';

/** Of a model folder: nothing else that lies there is passed on. */
const OF_A_MODEL = /^(licen[cs]e(\.\w+)?|[^.].*\.(json|safetensors|onnx|onnx_data|md|txt))$/i;

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

/** Those of a model in its folder and in `onnx/`; a link that leads out of the studio's folder is passed over. */
async function filesOf(library: Library, place: Place): Promise<(ModelFile & { readonly file: string })[]> {
  const root = await library.path(place);
  const names = await readdir(root);
  const below = names.includes('onnx') ? await readdir(`${root}/onnx`).catch(() => []) : [];
  const paths = [...names, ...below.map((name) => `onnx/${name}`)].filter((path) =>
    OF_A_MODEL.test(path.split('/').at(-1)!),
  );
  const found = await Promise.all(
    paths.sort().map(async (path) => {
      const file = await library.file(place, path);
      const { size, isFile } = file === undefined ? NOTHING : await looked(file);
      return file !== undefined && isFile ? [{ path, bytes: size, file }] : [];
    }),
  );
  return found.flat();
}

const NOTHING = { size: 0, isFile: false };
const looked = async (file: string) => {
  const found = await stat(file);
  return { size: found.size, isFile: found.isFile() };
};

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

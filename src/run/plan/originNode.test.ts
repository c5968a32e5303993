import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import { nodeFiles } from '../../host/node/filesNode.ts';
import { ORIGIN_FILE, originText } from './origin.ts';
import { dataFromHere, seenFromHere } from './originNode.ts';

let root = '';
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'origin-')));
  for (const folder of ['began/photos', 'began/runs/one', 'other/photos', 'far/run'])
    await mkdir(join(root, folder), { recursive: true });
});
afterAll(() => rm(root, { recursive: true, force: true }));

const config = (dir: string | string[], teacher = 'hf:timm/vit') =>
  parseConfig(
    runSchema,
    { data: { dir }, student: { name: 'vit_pico_patch4' }, method: 'kd', teacher: { ref: teacher } },
    'test',
  );
const here = (path: string) => relative(process.cwd(), join(root, path));

it('a relative path is seen from where the run began, whatever lies elsewhere; without a word of that from above its folder', async () => {
  const [run, far] = [join(root, 'began/runs/one'), join(root, 'far/run')];
  expect((await seenFromHere(config('photos'), nodeFiles(run), run)).data.dir).toBe(here('began/photos'));
  await writeFile(join(far, ORIGIN_FILE), originText(join(root, 'other')));
  const seen = await seenFromHere(config(['photos', '../began/photos']), nodeFiles(far), far);
  expect(seen.data.dir).toEqual([here('other/photos'), here('began/photos')]);
  expect(seen.teacher!.ref).toBe('hf:timm/vit');
  await writeFile(join(run, ORIGIN_FILE), originText(join(root, 'other')));
  expect((await seenFromHere(config('photos'), nodeFiles(run), run)).data.dir).toBe(here('other/photos'));
});

it('a cache is where the run had it, also where it has been deleted since', async () => {
  const far = join(root, 'far/run');
  await writeFile(join(far, ORIGIN_FILE), originText(join(root, 'began')));
  await mkdir(join(root, 'began/cache'), { recursive: true });
  const { data, teacher, ...rest } = config('photos');
  const cached = (cacheDir: string | null, dir: string | null) => ({
    ...rest,
    data: { ...data, cacheDir },
    teacher: { ...teacher!, store: { ...teacher!.store, dir } },
  });
  const seen = await seenFromHere(cached('cache', 'gone'), nodeFiles(far), far);
  expect([seen.data.cacheDir, seen.teacher!.store.dir]).toEqual([here('began/cache'), here('began/gone')]);
  const user = await seenFromHere(cached(null, join(root, 'gone')), nodeFiles(far), far);
  expect([user.data.cacheDir, user.teacher!.store.dir]).toEqual([null, join(root, 'gone')]);
  await writeFile(join(far, ORIGIN_FILE), originText(join(root, 'other')));
});

it('says where it looked for what is nowhere; who wants the data alone needs no teacher', async () => {
  const far = join(root, 'far/run');
  const gone = config('photos', 'runs/teacher');
  await expect(seenFromHere(gone, nodeFiles(far), far)).rejects.toThrow(
    `runs/teacher: wanted what the run in ${far} was made of, got nothing there as seen from ${process.cwd()}. The run began in ${join(root, 'other')}: go to`,
  );
  expect((await dataFromHere(gone, nodeFiles(far), far)).data.dir).toBe(here('other/photos'));
  await writeFile(join(far, ORIGIN_FILE), 'not JSON');
  await expect(seenFromHere(gone, nodeFiles(far), far)).rejects.toThrow('The run does not say where it began');
});

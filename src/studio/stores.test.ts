import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { storeRoutes } from './stores.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'studio-stores-'));
  for (const name of ['teacher', 'images']) await mkdir(join(dir, name, 'set'), { recursive: true });
  await writeFile(join(dir, 'teacher/set/a.shard'), Buffer.alloc(1000));
  await writeFile(join(dir, 'images/set/b.shard'), Buffer.alloc(500));
});
afterAll(() => rm(dir, { recursive: true }));

it('stores are measured, and emptied by those alone who say which one', async () => {
  const app = storeRoutes(({ id }) => join(dir, id));
  app.onError((error, context) => context.json({ error: error.message }, error.name === 'NotThere' ? 404 : 400));
  const clean = (id: string, body: unknown) =>
    app.request(`/${id}/clean`, { method: 'POST', body: JSON.stringify(body) });
  const { stores } = (await (await app.request('/')).json()) as { stores: { bytes: number; files: number }[] };
  expect(stores).toMatchObject([
    { id: 'teacher', bytes: 1000, files: 1 },
    { id: 'images', bytes: 500, files: 1 },
  ]);
  expect((await clean('teacher', {})).status).toBe(400);
  expect((await clean('teacher', { confirm: 'images' })).status).toBe(400);
  expect((await clean('..', { confirm: '..' })).status).toBe(404);
  expect(existsSync(join(dir, 'teacher/set/a.shard'))).toBe(true);
  expect(await (await clean('teacher', { confirm: 'teacher' })).json()).toMatchObject({
    deleted: 1000,
    store: { bytes: 0 },
  });
  expect([existsSync(join(dir, 'teacher/set/a.shard')), existsSync(join(dir, 'images/set/b.shard'))]).toEqual([
    false,
    true,
  ]);
});

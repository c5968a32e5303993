import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { thisProcess } from '../../formats/disk/processNode.ts';
import { keepLook } from '../../run/synthesis/courseFile.ts';
import type { Places, SetAnswer } from '../answers.ts';
import { idOf } from '../library/scan.ts';
import { type TestStudio, testStudio } from '../testStudio.ts';

const DESCRIPTION = {
  version: 1,
  teacher: { family: 'resnet', sha256: 'x' },
  student: null,
  classes: ['cat', 'dog'],
  perClass: 2,
  settings: { iterations: 100 },
};
const image = (path: string, name: string) => ({ path, class: name, loss: 0.5, confidence: 0.8 });

let studio: TestStudio;
beforeAll(async () => {
  studio = await testStudio(async (dir) => {
    const set = join(dir, 'made');
    for (const name of ['train/cat', 'train/dog', 'batches/round1/00000', 'batches/round1/00001'])
      await mkdir(join(set, name), { recursive: true });
    await writeFile(join(set, 'synthesis.json'), JSON.stringify(DESCRIPTION));
    for (const [name, background] of [
      ['train/cat/0.png', '#f00'],
      ['train/dog/0.png', '#00f'],
    ] as const)
      await sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toFile(join(set, name));
    await symlink('/etc/passwd', join(set, 'train/cat/1.png'));
    const images = [image('train/cat/0.png', 'cat'), image('train/dog/0.png', 'dog')];
    await writeFile(
      join(set, 'batches/round1/00000/batch.json'),
      JSON.stringify({ index: 0, seed: 0, loss: 1, images }),
    );
    // A batch whose record leads elsewhere: by a link, and by its path.
    const evil = [image('train/cat/1.png', 'cat'), image('train/../../../../etc/hostname', 'dog')];
    await writeFile(
      join(set, 'batches/round1/00001/batch.json'),
      JSON.stringify({ index: 1, seed: 0, loss: 1, images: evil }),
    );
    for (const batch of [1, 0])
      for (let step = 1; step <= 100; step++)
        keepLook(set, {
          round: 1,
          batch,
          stage: 0,
          step,
          total: 100,
          loss: 1 / step,
          terms: { feature: step },
          time: 0,
        });
  });
});
afterAll(() => studio.close());

const at = (path: string) => `/api/sets/${idOf('set', 'made')}${path}`;
const asked = async (path = '') => JSON.parse((await studio.own(at(path))).text) as SetAnswer;

it('a set is listed as what it is and as a data set; its classes and curves are in the order of the work', async () => {
  const places = JSON.parse((await studio.own('/api/places')).text) as Places;
  expect([places.sets, places.data].map((list) => list.map(({ path }) => path))).toEqual([['made'], ['made']]);
  const answer = await asked();
  expect(answer).toMatchObject({
    round: 1,
    rounds: 1,
    perClass: 2,
    images: 4,
    running: false,
    preview: null,
    quality: null,
  });
  expect(answer.classes[0]).toEqual({ name: 'cat', images: 2, confidence: 0.8, loss: 0.5 });
  const { x, y } = answer.curves.feature!;
  // Of 100 iterations every third is kept, with the first and the last.
  expect(x).toHaveLength(2 * 35);
  expect([x[0], x[34], x[35], x.at(-1)]).toEqual([1, 100, 101, 200]);
  expect([y[0], y[34]]).toEqual([1, 100]);
});

it('shows its pictures by class and number, and none to which a record or a link leads out of the folder', async () => {
  const own = await studio.own(at('/classes/1/1'));
  expect([own.status, own.headers['content-type']]).toEqual([200, 'image/webp']);
  for (const path of [
    '/classes/0/0',
    '/classes/1/0',
    '/classes/9/0',
    '/classes/__proto__/0',
    '/classes/0/-1',
    '/preview',
  ])
    expect([path, (await studio.own(at(path))).status]).toEqual([path, 404]);
});

it('stops nobody where nobody works, nor a process of which a lock says another start', async () => {
  const stop = () => studio.own(at('/stop'), { method: 'POST', body: '{}' });
  expect((await stop()).status).toBe(400);
  const batch = join(studio.dir, 'made/batches/round1/00002');
  await mkdir(batch);
  await writeFile(join(batch, 'run.lock'), JSON.stringify({ ...thisProcess(), started: `${thisProcess().started}0` }));
  expect([(await stop()).status, (await asked()).running]).toEqual([400, false]);
  await writeFile(join(batch, 'run.lock'), JSON.stringify(thisProcess()));
  expect((await asked()).running).toBe(true);
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataAnswer, PicturesAnswer } from '../answers.ts';
import { idOf } from '../library/scan.ts';
import { Library } from '../library/library.ts';
import { Catalogue } from './catalogue.ts';
import { listImages } from './listImages.ts';
import { Pictures } from './pictures.ts';
import { dataRoutes } from './routes.ts';

/** A name that would run, were it ever taken for markup. */
const SCRIPT = '<img src=x onerror=alert(1)>';
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>';

let dir: string;
let outside: string;
let app: ReturnType<typeof dataRoutes>;
const id = idOf('data', 'photos');
const get = async <T>(path: string): Promise<T> => (await (await app.request(`/${id}${path}`)).json()) as T;

beforeAll(async () => {
  [dir, outside] = [await mkdtemp(join(tmpdir(), 'studio-data-')), await mkdtemp(join(tmpdir(), 'studio-out-'))];
  const picture = (side: number) =>
    sharp({ create: { width: side, height: side, channels: 3, background: '#c04020' } })
      .png()
      .toBuffer();
  for (const name of ['cat', SCRIPT]) {
    const folder = join(dir, 'photos/train', name);
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < 3; i++) await writeFile(join(folder, `${i}.png`), await picture(300));
    await mkdir(join(dir, 'photos/val', name), { recursive: true });
    await writeFile(join(dir, 'photos/val', name, 'Held.png'), await picture(8));
  }
  await writeFile(join(outside, 'secret.png'), await picture(9));
  await symlink(join(outside, 'secret.png'), join(dir, 'photos/train/cat/away.png'));
  await writeFile(join(dir, 'photos/train/cat/drawing.png'), SVG);
  app = dataRoutes(new Library(dir), new Pictures(dir));
  app.onError((error, context) => context.json({ error: error.message }, error.name === 'NotThere' ? 404 : 400));
  // Without a process of its own, which is the built program.
  const { head, body } = await listImages([join(dir, 'photos')], () => undefined);
  catalogue = new Catalogue(head as never, Buffer.concat(body!));
});
let catalogue: Catalogue;
afterAll(() => Promise.all([dir, outside].map((folder) => rm(folder, { recursive: true }))));

describe('a catalogue', () => {
  it('says which images there are, of which class and part', async () => {
    expect(catalogue.facts).toMatchObject({ images: 10, train: 8, splitSource: 'folders', multilabel: false });
    expect(catalogue.facts.classes).toEqual([
      { name: SCRIPT, train: 3, val: 1 },
      { name: 'cat', train: 5, val: 1 },
    ]);
    const rows = Array.from(await catalogue.find({}), (i) => catalogue.row(i));
    expect(rows.slice(2, 5)).toEqual([
      { i: 2, name: `train/${SCRIPT}/2.png`, split: 'train', classes: [0] },
      { i: 3, name: 'train/cat/0.png', split: 'train', classes: [1] },
      { i: 4, name: 'train/cat/1.png', split: 'train', classes: [1] },
    ]);
    expect(catalogue.address(9)).toBe(join(dir, 'photos/val/cat/Held.png'));
  });

  it('finds by class, part and name together', async () => {
    expect([...(await catalogue.find({ class: 1, split: 'val' }))]).toEqual([9]);
    expect([...(await catalogue.find({ split: 'train', name: '2.PNG' }))]).toEqual([2, 5]);
    expect([...(await catalogue.find({ class: 0, name: 'held' }))]).toEqual([8]);
    expect([...(await catalogue.find({ name: 'nowhere' }))]).toEqual([]);
  });

  it('reads what several classes an image say', async () => {
    const csv = join(dir, 'several.csv');
    await writeFile(csv, 'path,labels,split\na.png,x;y,train\nb.png,,train\nc.png,y,val\nd.png,x,train\n');
    const { head, body } = await listImages([csv], () => undefined);
    const several = new Catalogue(head as never, Buffer.concat(body!));
    expect(several.facts.multilabel).toBe(true);
    expect([...(await several.find({ class: 1 }))].map((i) => several.row(i))).toEqual([
      { i: 0, name: 'a.png', split: 'train', classes: [0, 1] },
      { i: 3, name: 'c.png', split: 'val', classes: [1] },
    ]);
  });
});

describe('pictures', () => {
  const copyOf = (name: string, side = 160) =>
    new Pictures(dir).copy(join(dir, 'photos', name), side, new AbortController().signal);

  it('are small copies that were encoded anew', async () => {
    const { format, width, height } = await sharp(Buffer.from(await copyOf('train/cat/0.png'))).metadata();
    expect([format, width, height]).toEqual(['webp', 160, 160]);
    expect((await sharp(Buffer.from(await copyOf('val/cat/Held.png'))).metadata()).width).toBe(8);
    const { data } = await sharp(Buffer.from(await copyOf('train/cat/0.png')))
      .raw()
      .toBuffer({ resolveWithObject: true });
    for (const [c, want] of [0xc0, 0x40, 0x20].entries()) expect(Math.abs(data[c]! - want)).toBeLessThan(6);
  });

  it('never are a drawing with a script, nor of elsewhere', async () => {
    await expect(copyOf('train/cat/drawing.png')).rejects.toThrow(/drawing\.png: wanted an image .*, got /);
    await expect(copyOf('train/cat/away.png')).rejects.toThrow(/outside of the folder of this studio/);
    await expect(copyOf('../../etc/passwd')).rejects.toThrow(/gone|outside/);
    await expect(copyOf('train/cat/gone.png')).rejects.toThrow(/this picture is gone/);
  });
});

describe('routes', () => {
  it('answer by ids and whole numbers alone', async () => {
    for (const path of ['/pictures', '/pictures/0', '/pictures/..%2F..%2Fetc%2Fpasswd'])
      expect([path, (await app.request(`/${id}${path}`)).status]).toEqual([path, 404]);
    for (const other of ['nothing', '..%2Fphotos', idOf('model', 'photos')])
      expect((await app.request(`/${other}`)).status).toBe(404);
  });

  it('list, filter and show the pictures of a set', async () => {
    let answer = await get<DataAnswer>('');
    for (let i = 0; i < 100 && answer.facts === null; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await get<DataAnswer>('');
    }
    expect(answer).toEqual({
      place: { id, kind: 'data', name: 'photos', path: 'photos' },
      images: 10,
      facts: catalogue.facts,
    });
    const found = await get<PicturesAnswer>('/pictures?class=1&split=train&from=1&count=2');
    expect([found.total, found.from, found.rows.map(({ i }) => i)]).toEqual([5, 1, [4, 5]]);
    const shown = await app.request(`/${id}/pictures/3?side=160`);
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/webp']);
    // 6: away.png, 7: drawing.png
    expect(await get('/pictures/6')).toEqual({ error: expect.stringContaining('outside of the folder') });
    const drawing = await app.request(`/${id}/pictures/7`);
    expect([drawing.status, drawing.headers.get('content-type')]).toEqual([400, 'application/json']);
    for (const path of [
      '/pictures/10',
      '/pictures/-1',
      '/pictures/1e0x',
      '/pictures?class=2',
      '/pictures?from=-1',
      '/pictures/0?side=9999',
      '/augmented?preset=constructor',
    ])
      expect([path, (await app.request(`/${id}${path}`)).status]).toEqual([
        path,
        expect.toSatisfy((s) => s === 400 || s === 404),
      ]);
  }, 30_000);
});

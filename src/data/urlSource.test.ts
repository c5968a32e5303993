import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imagesAt } from './urlSource.ts';

const FILES: Readonly<Record<string, string>> = {
  '/photos/list.json': JSON.stringify({ dog: ['dog/1.png'], cat: ['cat/1.png', '/cats/2.png'] }),
  '/photos/parts.json': JSON.stringify({
    train: { cat: ['cat/1.png'], dog: ['dog/1.png'] },
    val: { cat: ['cat/v.png'] },
  }),
  '/photos/wrong.json': JSON.stringify({ cat: 'cat/1.png' }),
  '/photos/cat/1.png': 'a cat',
  '/cats/2.png': 'another',
};
const server = createServer((request, response) => {
  const found = FILES[request.url!];
  response.statusCode = found === undefined ? 404 : 200;
  response.end(found);
});
let at = '';
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const text = async (bytes: unknown) => new TextDecoder().decode((await bytes) as Uint8Array);

it('a list names images by class, and its addresses are relative to it', async () => {
  const source = await imagesAt(`${at}/photos/list.json`);
  expect(source.classes).toEqual(['cat', 'dog']);
  expect(source.val).toBeUndefined();
  expect(source.train.map(({ label }) => label)).toEqual(['dog', 'cat', 'cat']);
  const [, first, second] = source.train;
  expect(await text(source.read(first!.id))).toBe('a cat');
  expect(await text(source.read(second!.id))).toBe('another');
  expect(source.where!(first!.id)).toBe(`${at}/photos/cat/1.png`);
});

it('a list may have parts, or be given as it is', async () => {
  const { name, train, val } = await imagesAt(`${at}/photos/parts.json`, { name: 'pets' });
  expect([name, train.length, val]).toEqual(['pets', 2, [{ id: 'cat/v.png', label: 'cat' }]]);
  const given = await imagesAt({ cat: ['1.png'], dog: [] }, { base: `${at}/photos/cat/` });
  expect(await text(given.read('1.png'))).toBe('a cat');
});

it('says what is wrong with a list, and with an image that is not there', async () => {
  await expect(imagesAt(`${at}/photos/wrong.json`)).rejects.toThrow(
    /wrong\.json: wanted addresses by class, \{ CLASS: \[ADDRESS\] \}/,
  );
  await expect(imagesAt(`${at}/none.json`)).rejects.toThrow('none.json: wanted a file, got the status 404');
  const source = await imagesAt(`${at}/photos/list.json`);
  await expect(source.read('dog/1.png')).rejects.toThrow('dog/1.png: wanted a file, got the status 404');
  await expect(imagesAt({ cat: ['x'] }).then(({ read }) => read('x'))).rejects.toThrow('base');
});

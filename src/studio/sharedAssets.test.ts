import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtPage } from './app.ts';
import { type TestStudio, testStudio } from './testStudio.ts';

let studio: TestStudio;
beforeAll(async () => {
  studio = await testStudio();
});
afterAll(() => studio.close());

const assets = (page: string): string[] => readdirSync(join(builtPage(page), 'assets'));
const isRuntime = (name: string): boolean => /^ort-wasm.*\.wasm$/.test(name);

it('the WebAssembly that both pages run lies in the package once, and the studio answers with it', async () => {
  const [runtime] = assets('tab').filter(isRuntime);
  expect(assets('studio').filter((name) => assets('tab').includes(name) && /\.(wasm|mjs)$/.test(name))).toEqual([]);
  // Its own one is the other, with WebGPU.
  expect(assets('studio').filter(isRuntime)).toHaveLength(1);
  const { status, headers } = await studio.own(`/assets/${runtime}`, { method: 'HEAD' });
  expect([status, headers['content-type']]).toEqual([200, 'application/wasm']);
  // Nothing else of that page is at the studio's root: a worker there would keep the studio's own pages.
  expect((await studio.own('/offline.js')).status).toBe(404);
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Kind } from '../answers.ts';
import { withAbout } from './about.ts';
import { Library } from './library.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'studio-about-'));
  for (const folder of ['photos/train/cat', 'photos/train/dog', 'photos/val/cat', 'photos/val/dog', 'model/onnx'])
    await mkdir(join(dir, folder), { recursive: true });
  for (const name of ['train/cat', 'train/dog']) await writeFile(join(dir, 'photos', name, 'a.png'), '');
  await writeFile(join(dir, 'model/config.json'), '{}');
  await writeFile(join(dir, 'model/onnx/model.onnx'), 'x'.repeat(1000));
  await writeFile(join(dir, 'model/onnx/model_quantized.onnx'), 'x'.repeat(300));
  await writeFile(join(dir, 'model/private.key'), 'x'.repeat(5000));
  await symlink('/etc/passwd', join(dir, 'model/README.md'));
});
afterAll(() => rm(dir, { recursive: true }));

it('a list says what lies in a place by its names and sizes; a link that leads out counts for nothing', async () => {
  const library = new Library(dir);
  const of = async (kind: Kind) => withAbout(library, (await library.list(kind))[0]!);
  const changed = expect.any(Number) as number;
  expect(await of('data')).toMatchObject({
    path: 'photos',
    about: '2 classes, training and validation apart',
    changed,
  });
  expect(await of('model')).toMatchObject({ path: 'model', about: 'ONNX in fp32, q8', bytes: 1302, changed });
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Library } from '../library/library.ts';
import { idOf } from '../library/scan.ts';
import { modelFiles } from './routes.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'studio-models-'));
  for (const folder of ['run/model', 'run/checkpoints', 'model/onnx'])
    await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, 'run/config.yaml'), 'method: kd\n');
  await writeFile(join(dir, 'run/model/config.json'), '{"of":"run"}');
  await writeFile(join(dir, 'model/config.json'), '{"of":"model"}');
  await symlink('/etc/passwd', join(dir, 'model/model.safetensors'));
});
afterAll(() => rm(dir, { recursive: true }));

it('the files of a model are given by their names, and nothing besides or of elsewhere', async () => {
  const asked = async (kind: 'run' | 'model', path: string) => {
    const app = modelFiles(new Library(dir), kind);
    app.onError((error, context) => context.json({ error: error.message }, error.name === 'NotThere' ? 404 : 500));
    const answer = await app.request(`/${path}`);
    return [answer.status, await answer.text()];
  };
  const [run, model] = [idOf('run', 'run'), idOf('model', 'model')];
  expect(await asked('run', `${run}/model/config.json`)).toEqual([200, '{"of":"run"}']);
  expect(await asked('model', `${model}/model/config.json`)).toEqual([200, '{"of":"model"}']);
  for (const file of [
    'model.safetensors',
    'config.yaml',
    '..%2Fconfig.yaml',
    'preprocessor_config.json',
    '%2Fetc%2Fpasswd',
  ])
    expect([file, (await asked('model', `${model}/model/${file}`))[0]]).toEqual([file, 404]);
  expect((await asked('run', `${model}/model/config.json`))[0]).toBe(404);
});

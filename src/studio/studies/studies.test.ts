import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StudyAnswer } from '../answers.ts';
import { idOf } from '../library/scan.ts';
import { type TestStudio, testStudio } from '../testStudio.ts';

const KEPT = fileURLToPath(new URL('../../../docs/results/emojiFewImages.json', import.meta.url));

let studio: TestStudio;
beforeAll(async () => {
  studio = await testStudio(async (dir) => {
    for (const name of ['few', 'new', 'broken', 'advice']) await mkdir(join(dir, name));
    for (const name of ['few', 'new', 'broken']) {
      await writeFile(join(dir, name, 'plan.json'), '{}');
      await writeFile(join(dir, name, 'study.yaml'), 'name: few\n');
    }
    await copyFile(KEPT, join(dir, 'few/results.json'));
    await writeFile(join(dir, 'broken/results.json'), '{"name": "few", "table": 3}');
    await mkdir(join(dir, 'unfinished/records'), { recursive: true });
    await writeFile(join(dir, 'unfinished/state.json'), '{}');
    await writeFile(join(dir, 'advice/advice.json'), '{"version": 2}');
    const { runs } = JSON.parse((await import('node:fs')).readFileSync(KEPT, 'utf8')) as { runs: { id: string }[] };
    await mkdir(join(dir, `few/runs/${runs[0]!.id}`), { recursive: true });
    for (const name of ['config.yaml', 'metrics.jsonl'])
      await writeFile(join(dir, `few/runs/${runs[0]!.id}`, name), '');
  });
});
afterAll(() => studio.close());

const asked = async (name: string) => {
  const { status, text } = await studio.own(`/api/studies/${idOf('study', name)}`);
  return { status, answer: JSON.parse(text) as StudyAnswer & { error?: string } };
};

it('a study is what its command wrote, with its runs by their folders, and without what each said of each image', async () => {
  const { status, answer } = await asked('few');
  expect(status).toBe(200);
  const [first] = answer.report!.runs;
  expect(answer.runs).toEqual({ [`runs/${first!.id}`]: idOf('run', `few/runs/${first!.id}`) });
  expect(answer.report!.table.length).toBeGreaterThan(1);
  expect(JSON.stringify(answer)).not.toContain('"right"');
  expect(answer.file).toBe(true);
  expect((await asked('new')).answer).toMatchObject({ report: null, advice: null, runs: {}, file: true });
  expect((await asked('unfinished')).answer).toMatchObject({ report: null, advice: null, runs: {}, file: false });
});

it('a damaged one says so, and what to do', async () => {
  for (const [name, file] of [
    ['broken', 'results.json'],
    ['advice', 'advice.json'],
  ] as const)
    expect(await asked(name)).toMatchObject({
      status: 400,
      answer: {
        error: `${name}/${file}: wanted what the command writes there, got something else; the same command writes it anew`,
      },
    });
});

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it, vi } from 'vitest';
import { distill, train } from '../../src/index.ts';
import { writeDigits } from '../browser/digits.ts';
import { ownProcess, temporaryFolder } from '../endToEnd/commandLine.ts';
import { blocksOf, commandsOf } from './blocks.ts';

/**
 * The guides' commands on trained models, as they stand, on runs that were made in seconds: they answer, and every line of a guide's
 * output that begins with a word has its like in theirs. Commands that train are not cheap; their flags are checked in
 * commands.test.ts, and what they do in tests/endToEnd/.
 */
const WALK = ['eval', 'predict', 'export', 'inspect', 'report', 'list'];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const blocksIn = (guide: string) => blocksOf(readFileSync(join(ROOT, 'docs', guide), 'utf8'));
/** In the order in which one makes what the other takes. */
const BLOCKS = ['train.md', 'deploy.md', 'look.md'].flatMap(blocksIn);
const dir = temporaryFolder();
vi.setConfig({ hookTimeout: 240_000 });

beforeAll(async () => {
  await writeDigits(join(dir, 'runs/quickstart/mnist'), { train: 5, val: 5 });
  // Its name in the guides, whose digits are numbered by four places.
  const sevens = join(dir, 'runs/quickstart/mnist/val/7');
  cpSync(join(sevens, '0.png'), join(sevens, '0000.png'));
  const data = join(dir, 'runs/quickstart/mnist');
  const [teacher, student] = [join(dir, 'runs/teacher'), join(dir, 'runs/student')];
  const settings = { train: { epochs: 1, batch: 25 }, augment: { flip: 0 } };
  await train({ data, model: 'resnet8_small', out: teacher, settings });
  await distill({ data, teacher, student: 'vit_pico_patch4', method: 'kd', out: student, settings });
});

/** The first words of lines: names of rows, not their numbers. Rows that are there for some models alone are not asked for. */
const words = (text: string): Set<string> =>
  new Set(text.split('\n').flatMap((line) => /^[a-z][a-z-]+/i.exec(line.trim())?.[0] ?? []));

const shown = BLOCKS.flatMap((block) => {
  const [command] = commandsOf(block);
  if (!block.code.startsWith('$ ') || !command || !WALK.includes(command[0]!)) return [];
  return command[1]!.endsWith('.safetensors') ? [] : [{ line: command.join(' '), command, block }];
});

it.each(shown)('understudy $line', async ({ command, block }) => {
  const { status, stdout, stderr } = await ownProcess(dir, command);
  expect(status, stderr).toBe(0);
  const said = words(`${stdout}\n${stderr}`);
  const documented = words(block.code.replaceAll('\\\n', ' ').split('\n').slice(1).join('\n'));
  expect([...documented].filter((word) => !said.has(word))).toEqual([]);
});

it('all of them are there', () => {
  expect(new Set(shown.map(({ command }) => command[0]))).toEqual(new Set(WALK));
});

it("the library's example runs, with smaller models and fewer epochs", () => {
  const { code } = blocksIn('library.md').find(({ language }) => language === 'ts')!;
  const small = {
    "model: 'resnet18',": "model: 'resnet8_small', settings: { train: { epochs: 1 } },",
    deit_tiny_patch16_224: 'vit_pico_patch4',
    'epochs: 100': 'epochs: 2',
  };
  const text = Object.entries(small).reduce((now, [large, less]) => {
    expect(now).toContain(large);
    return now.replaceAll(large, less);
  }, code);
  const place = join(dir, 'project');
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  symlinkSync(ROOT, join(place, 'node_modules/understudy'));
  cpSync(join(dir, 'runs/quickstart/mnist'), join(place, 'photos'), { recursive: true });
  cpSync(join(place, 'photos/val/7/0.png'), join(place, 'cat.jpg'));
  writeFileSync(join(place, 'example.mjs'), text);
  const printed = execFileSync(process.execPath, ['example.mjs'], { cwd: place, encoding: 'utf8' });
  expect(printed).toMatch(/class: '\d', probability: 0\.\d+/);
});

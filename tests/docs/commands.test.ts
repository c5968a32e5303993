import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkArguments, type Token } from '../../src/cli/arguments.ts';
import type { CliCommand } from '../../src/cli/command.ts';
import { synthesisInput, teacherSets } from '../../src/cli/synthesisInput.ts';
import { trainingInput } from '../../src/cli/trainingInput.ts';
import { parseConfig, setOverride } from '../../src/config/parse.ts';
import { runSchema } from '../../src/config/schema.ts';
import { synthesisSchema } from '../../src/config/synthesis.ts';
import { methodNamed } from '../../src/methods/index.ts';
import { planStudy } from '../../src/study/plan.ts';
import { type Block, blocksOf, commandsOf, forBrowsers } from './blocks.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const PAGES = ['README.md', 'ARCHITECTURE.md', 'docs', 'docs/decisions'].flatMap((path) =>
  path.endsWith('.md')
    ? [path]
    : readdirSync(join(ROOT, path))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(path, name)),
);

/** Blocks that are no commands, YAML or a browser's, by their first line: where each is tested, or why by hand. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'npm ci': '.ci/run',
  'npm install /path/to/understudy': 'tests/extend.test.ts',
  'npm ci && npm run quickstart': 'by hand: it trains for minutes',
  'photos/train/<class>/*.jpg  photos/val/<class>/*.jpg    val, valid, validation or test':
    'src/data/folders/folderNode.test.ts',
  'image_path,labels': 'tests/endToEnd/multilabel.test.ts',
  'config.yaml                    the settings of the run': 'tests/endToEnd/commands.test.ts',
  "--set optim.lr=1e-3 --set train.ema=0.999 --set dearkd.pairs='[{block: 0, stage: s1}]'":
    'tests/docs/commands.test.ts',
  "import { distill, evaluate, exportModel, loadModel, train } from 'understudy';": 'tests/docs/walk.test.ts',
  "import { defineMethod, distill } from 'understudy';": 'tests/extend.test.ts',
  "import { defineLogger, namedMetrics, train } from 'understudy';": 'tests/extend.test.ts',
  "import * as runtime from 'onnxruntime-web';": 'tests/browser/tab.test.ts',
  'npm install understudy onnxruntime-web': 'tests/browser/tab.test.ts',
  "export default { optimizeDeps: { include: ['understudy/browser', 'onnxruntime-web'] } };":
    'tests/onDemand/tabVite.onDemand.ts',
  "import { z } from 'zod';": 'tests/workedExample.test.ts',
  "import { command, jsonFlag } from '../command.ts';": 'tests/workedParts.test.ts',
  "import { lineChart } from '../../analysis/lineChart.ts';": 'tests/workedParts.test.ts',
  "import { plainLoader, type ReadPixels } from '../../data/loading/plainLoader.ts';": 'tests/workedParts.test.ts',
  "import { defineImages, resume, train } from 'understudy';": 'tests/extend.test.ts',
  'ssh -L 4747:localhost:4747 MACHINE understudy studio experiments': 'by hand: it needs another machine',
  'apt-get install debootstrap': 'by hand: it downloads another Debian',
  'cd src/onnx && protoc --es_out=generated --es_opt=target=ts onnx.proto': 'by hand: it needs protoc',
};

/** Which test runs each command that the pages type; their flags and settings are checked here, line by line. */
const RUN_BY: Readonly<Record<string, string>> = {
  distill: 'tests/endToEnd/lanes.test.ts',
  train: 'tests/browser/clients.test.ts',
  launch: 'tests/cluster/training.test.ts',
  eval: 'tests/docs/walk.test.ts',
  predict: 'tests/docs/walk.test.ts',
  embed: 'tests/endToEnd/encoders.test.ts',
  export: 'tests/docs/walk.test.ts',
  inspect: 'tests/docs/walk.test.ts',
  report: 'tests/docs/walk.test.ts',
  list: 'tests/docs/walk.test.ts',
  verify: 'tests/browser/clients.test.ts',
  synthesize: 'tests/endToEnd/synthesize.test.ts',
  doctor: 'tests/endToEnd/doctor.test.ts',
  study: 'tests/endToEnd/study.test.ts',
  advise: 'tests/endToEnd/advise.test.ts',
  store: 'tests/endToEnd/doctor.test.ts',
  merge: 'tests/endToEnd/merge.test.ts',
  page: 'tests/browser/page.test.ts',
  studio: 'tests/browser/studio.test.ts',
};

type Json = Record<string, unknown>;

const firstLine = ({ code }: Block): string => code.split('\n')[0]!;

async function commandNamed(name: string): Promise<CliCommand> {
  const path = join(ROOT, 'src/cli/commands', `${name}.ts`);
  expect(existsSync(path), `understudy ${name}`).toBe(true);
  const found = Object.values((await import(path)) as Record<string, CliCommand>);
  return found.find(({ meta }) => meta?.name === name)!;
}

const valuesOf = (tokens: readonly Token[], flag: string): string[] =>
  tokens.filter((token) => token.flag === flag).map(({ value }) => value);

/** Flags and settings of a command line are those that there are. */
async function check([name, ...args]: readonly string[]): Promise<void> {
  if (name === '--help') return;
  const tokens = checkArguments(await commandNamed(name!), args);
  const sets = valuesOf(tokens, 'set');
  if (name === 'train' || name === 'distill') {
    const free = valuesOf(tokens, 'data-free').length > 0;
    const own = sets.filter((set) => free && set.startsWith('synthesis.'));
    parseConfig(
      synthesisSchema,
      synthesisInput(
        'small',
        own.map((set) => set.slice('synthesis.'.length)),
      ),
      'synthesis',
    );
    await checkSettings(sets.filter((set) => !own.includes(set)));
  }
  if (name === 'synthesize') {
    const [preset = 'small'] = valuesOf(tokens, 'preset');
    parseConfig(synthesisSchema, synthesisInput(preset, teacherSets(sets).rest), 'synthesis');
  }
}

async function checkSettings(sets: readonly string[]): Promise<void> {
  const input: Record<string, unknown> = await trainingInput({}, {}, sets);
  checkRun(input);
}

/** A run's settings, with what a command's other flags would have said. */
function checkRun(input: Record<string, unknown>): void {
  const has = (key: string) => key.split('.').reduce<unknown>((at, part) => (at as Json | undefined)?.[part], input);
  const ofTeacher = typeof input.teacher === 'object' ? ['teacher.ref'] : [];
  for (const needed of ['data.dir', 'student.name', ...ofTeacher])
    if (has(needed) === undefined) setOverride(input, `${needed}=given`);
  const { methods } = parseConfig(runSchema, input, 'settings');
  for (const [name, settings] of Object.entries(methods)) parseConfig(methodNamed(name).config, settings, name);
}

describe.each(PAGES)('%s', (page) => {
  const blocks = blocksOf(readFileSync(join(ROOT, page), 'utf8'));
  const commands = blocks.flatMap((block) => commandsOf(block).map((words) => [words.join(' '), words] as const));

  it.skipIf(commands.length === 0)('has commands with flags and settings that exist', async () => {
    for (const [line, words] of commands) await expect(check(words), line).resolves.toBeUndefined();
  });

  it('has no block that no test knows', () => {
    for (const block of blocks) {
      const { language, code } = block;
      if (language === 'yaml') checkYaml(code);
      else if (commandsOf(block).length === 0 && !forBrowsers(block))
        expect(ELSEWHERE, `${page}:${block.line}`).toHaveProperty([firstLine(block)]);
    }
  });
});

function checkYaml(code: string): void {
  const value = parse(code) as Record<string, unknown>;
  if ('axes' in value) planStudy(value, 'the study');
  else checkRun(value);
}

it('what is tested elsewhere is there, and is still in a page', () => {
  const all = PAGES.flatMap((page) => blocksOf(readFileSync(join(ROOT, page), 'utf8')));
  for (const [line, test] of Object.entries(ELSEWHERE)) {
    expect(all.map(firstLine)).toContain(line);
    if (!test.startsWith('by hand: ')) expect(existsSync(join(ROOT, test)), test).toBe(true);
  }
});

it('every command that the pages type is run by the test that is named for it', () => {
  const texts = PAGES.map((page) => readFileSync(join(ROOT, page), 'utf8'));
  const typed = new Set(texts.flatMap((text) => blocksOf(text).flatMap(commandsOf)).map(([name]) => name!));
  expect([...typed].filter((name) => name !== '--help').sort()).toEqual(Object.keys(RUN_BY).sort());
  for (const [name, test] of Object.entries(RUN_BY))
    expect(readFileSync(join(ROOT, test), 'utf8'), test).toContain(`'${name}'`);
});

it('a line with a wrong flag, setting or command is found', async () => {
  await expect(check(['train', '--date', 'x', '--model', 'y'])).rejects.toThrow('Unknown flag "--date"');
  await expect(check(['train', '--data', 'x', '--model', 'y', '--set', 'optim.rate=1'])).rejects.toThrow('optim.rate');
  await expect(check(['train', '--data', 'x', '--model', 'y', '--set', 'dearkd.gama=1'])).rejects.toThrow('gama');
  await expect(
    check(['synthesize', '--teacher', 'x', '--out', 'y', '--images', '1', '--set', 'a=1']),
  ).rejects.toThrow();
  expect(() => checkYaml('stages: [{method: dearkd, part: 1}]')).toThrow('part');
});

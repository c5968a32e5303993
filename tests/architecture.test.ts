import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CASES } from '../src/ops/cases.ts';
import { OPS } from '../src/ops/index.ts';

/** A folder of src/ imports only from itself and from folders that stand before it. `run` is the composition root. */
const LAYERS = [
  'random',
  'graph',
  'ops',
  'autodiff',
  'nn',
  'models',
  'losses',
  'methods',
  'optim',
  'program',
  'onnx',
  'engine',
  'formats',
  'data',
  'store',
  'cluster',
  'host',
  'train',
  'analysis',
  'config',
  'report',
  'run',
];

/** The rooms of `src/run/`, in an order like that of the layers: what a user asks for, and the parts of a training run. */
const ROOMS = [
  'plan',
  'models',
  'datasets',
  'teacher',
  'evaluation',
  'embedding',
  'exporting',
  'looking',
  'training/stage',
  'training/course',
  'training/prepare',
  'training',
  'synthesis',
  'doctor',
];

/** These stand above all layers: programs and the package's public face. */
const TOP = 'cli studio study advise quickstart bench index.ts compose.ts browser.ts require.cts'.split(' ');

const MAX_LINES = 300;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The lines of .gitignore: folders and endings. */
const IGNORED = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n').filter(Boolean);
const ignores = (name: string): boolean =>
  IGNORED.some((line) => (line.startsWith('*') ? name.endsWith(line.slice(1)) : name === line.replace(/\/$/, '')));

/** What git has or would take, on a machine without git too. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => name !== '.git' && !ignores(name))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)]));
}
const FILES = filesBelow('');

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const isTest = (path: string): boolean => path.endsWith('.test.ts');
const isTypeScript = (path: string): boolean => /\.tsx?$/.test(path) && !path.includes('/generated/');
const sources = FILES.filter((path) => path.startsWith('src/') && /\.tsx?$/.test(path) && !isTest(path));

/** The modules that a text imports: static, type-only, re-exported and dynamic. */
function importsOf(text: string): string[] {
  // Without comments, and without the code that a text for people quotes.
  const code = text
    .replace(/\\`\\`\\`[\s\S]*?\\`\\`\\`/g, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  const patterns = [
    /^\s*(?:import|export)\s[^'"`;]*?\sfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
}

const layerOf = (path: string): string => path.split('/')[1]!;

/** The source files of this project that a file imports, types included. */
const targetsOf = (path: string, text: string): string[] =>
  importsOf(text)
    .filter((module) => module.startsWith('.'))
    .map((module) => relative(ROOT, join(ROOT, dirname(path), module)));

/** Imports of a source file that its layer may not make. */
function wrongImports(path: string, text: string): string[] {
  const layer = layerOf(path);
  if (TOP.includes(layer)) return [];
  const rank = LAYERS.indexOf(layer);
  if (rank < 0) return [`${path}: src/${layer} has no place in the order of layers`];
  return targetsOf(path, text)
    .filter(
      (target) =>
        !target.startsWith('src/') ||
        !(LAYERS.indexOf(layerOf(target)) >= 0 && LAYERS.indexOf(layerOf(target)) <= rank),
    )
    .map((target) => `${path} imports ${target}`);
}

/** The room of a file of `src/run/`: its folder below it. */
const roomOf = (path: string): string => dirname(path).slice('src/run/'.length);

/** Imports of a file of `src/run/` that its room may not make. */
function wrongRooms(path: string, text: string): string[] {
  if (!path.startsWith('src/run/')) return [];
  const rank = ROOMS.indexOf(roomOf(path));
  if (rank < 0) return [`${path}: it lies in no room of src/run/`];
  return targetsOf(path, text)
    .filter((target) => target.startsWith('src/run/') && ROOMS.indexOf(roomOf(target)) > rank)
    .map((target) => `${path} imports ${target}`);
}

/** The files that lie on a circle of imports: those that are left when files whose imports are all gone are taken away, both ways. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const left = new Set(imports.keys());
  const leaves = (path: string): boolean => {
    const out = imports.get(path)!.some((target) => left.has(target));
    return !out || ![...left].some((from) => imports.get(from)!.includes(path));
  };
  for (let found = [...left].filter(leaves); found.length > 0; found = [...left].filter(leaves))
    for (const path of found) left.delete(path);
  return [...left].sort();
}

/** Platform modules in a file whose name does not own up to a platform. */
function platformImports(path: string, text: string): string[] {
  if (/(Node|Web)\.ts$/.test(path) || [...TOP, 'run'].includes(layerOf(path))) return [];
  return importsOf(text)
    .filter((module) => /^(node:|sharp$|onnxruntime-(node|web))/.test(module))
    .map((module) => `${path} imports ${module}`);
}

/** What runs on every platform: a training run and all that it is made of. */
const anyPlatform = (path: string): boolean =>
  /^src\/(train|run\/training|run\/plan)\//.test(path) && !isPlatform(path) && !path.endsWith('testEvents.ts');

const isPlatform = (path: string): boolean => /(Node|Web)\.ts$/.test(path);

/** Platform files and modules that a file of every platform reaches by its imports, types included. */
function reachedPlatform(roots: readonly string[], textOf: (path: string) => string): string[] {
  const seen = new Set(roots);
  const found: string[] = [];
  for (const path of seen) {
    const text = textOf(path);
    const modules = importsOf(text).filter((module) => /^(node:|sharp$|onnxruntime-(node|web))/.test(module));
    const platform = targetsOf(path, text).filter(isPlatform);
    found.push(...[...modules, ...platform].map((target) => `${path} imports ${target}`));
    for (const target of targetsOf(path, text)) if (!isPlatform(target)) seen.add(target);
  }
  return found;
}

const MACHINE_PATH = /(?<![\w.])(\/(?:work|root)\/|\/(?:home|Users)\/[A-Za-z0-9]|[A-Z]:\\Users\\)/;

/** Calls that put each member of a list on the stack, which overflows at about 125,000: graph/lists.ts has what is meant. */
const SPREAD =
  /(?:\.(?:push|unshift|splice)|Math\.(?:max|min)|\.from(?:CharCode|CodePoint))\((?:[^(){}'"`]|\((?:[^()]|\([^()]*\))*\))*?\.\.\.[\w([{#]/g;

/** For readers of a model's card: as many numbers as the model has classes. */
const SPREAD_ALLOWED = ['src/run/exporting/snippets.ts'];

function spreads(path: string, text: string): string[] {
  const code = text.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
  // An object may be spread: it has as many keys as somebody wrote.
  return [...code.matchAll(SPREAD)].map(([call]) => `${path}: ${call}`);
}

describe('architecture', () => {
  it('reads the imports that it judges', () => {
    const text = [
      "import a, {\n  type B,\n} from './a.ts';",
      "import type { C } from '../c.ts';",
      "export * from './d.ts';",
      "import './e.ts';",
      "const f = await import('node:fs');",
      "// import g from './g.ts'",
      "/* import h from './h.ts' */",
    ].join('\n');
    expect(importsOf(text).sort()).toEqual(['../c.ts', './a.ts', './d.ts', './e.ts', 'node:fs']);
    expect(wrongImports('src/ops/x.ts', "import { y } from '../nn/y.ts';")).toEqual([
      'src/ops/x.ts imports src/nn/y.ts',
    ]);
    expect(wrongImports('src/nn/x.ts', "import { y } from '../ops/y.ts';\nimport z from './z.ts';")).toEqual([]);
    expect(wrongImports('src/graph/x.ts', "import { y } from '../cli/y.ts';")).toHaveLength(1);
    expect(wrongImports('src/odd/x.ts', '')).toHaveLength(1);
    expect(wrongRooms('src/run/models/x.ts', "import { y } from '../datasets/y.ts';")).toHaveLength(1);
    expect(wrongRooms('src/run/training/stage/x.ts', "import { y } from '../../datasets/y.ts';")).toEqual([]);
    expect(wrongRooms('src/run/x.ts', '')).toHaveLength(1);
    const edges = { a: ['b'], b: ['c'], c: ['b', 'd'], d: [], e: ['a'] };
    expect(circles(new Map(Object.entries(edges)))).toEqual(['b', 'c']);
    expect(platformImports('src/data/x.ts', "import { readFile } from 'node:fs/promises';")).toHaveLength(1);
    expect(platformImports('src/data/xNode.ts', "import { readFile } from 'node:fs/promises';")).toEqual([]);
    const machine = ['', 'work', 'main'].join('/');
    expect([MACHINE_PATH.test(`see ${machine}`), MACHINE_PATH.test(`https://example.org${machine}/x`)]).toEqual([
      true,
      false,
    ]);
    expect(sources.length).toBeGreaterThan(40);
    const spread = ['a.push(...b)', 'Math.max(0, ...a.map((x) => f(x)))', 'this.x.push(\n  ...b,\n)', 'Math.min(...a)'];
    expect(spread.map((call) => spreads('x', call).length)).toEqual([1, 1, 1, 1]);
    const plain = ['a.push({ ...b })', "a.push('x...y')", 'a.push(f(b))', 'Math.max(1, 2), [...a]', '// a.push(...b)'];
    expect(plain.flatMap((call) => spreads('x', call))).toEqual([]);
  });

  it('no list is spread into a call', () => {
    const found = sources.filter((path) => !SPREAD_ALLOWED.includes(path)).flatMap((path) => spreads(path, read(path)));
    expect(found).toEqual([]);
  });

  it('one file writes to the terminal, where every text is made printable', () => {
    const writes = /process\.std(?:out|err)\.write|console\.(?:log|error)/;
    const commands = sources.filter((path) => path.startsWith('src/cli/'));
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.filter((path) => writes.test(read(path)))).toEqual(['src/cli/text.ts']);
  });

  it('folders import only from layers below them', () => {
    expect(sources.flatMap((path) => wrongImports(path, read(path)))).toEqual([]);
  });

  it('rooms of a run import only from themselves and from rooms before them', () => {
    expect(sources.flatMap((path) => wrongRooms(path, read(path)))).toEqual([]);
  });

  it('no files import each other in a circle', () => {
    const imports = sources.map((path) => [path, targetsOf(path, read(path))] as const);
    expect(circles(new Map(imports))).toEqual([]);
  });

  it('only files that say so import a platform', () => {
    expect(sources.flatMap((path) => platformImports(path, read(path)))).toEqual([]);
  });

  it('a run knows no platform', () => {
    const texts: Record<string, string> = {
      'src/train/a.ts': "import { b } from '../data/b.ts';",
      'src/data/b.ts': "import type { C } from './cNode.ts';\nimport { d } from 'node:fs';",
    };
    expect(reachedPlatform(['src/train/a.ts'], (path) => texts[path]!)).toEqual([
      'src/data/b.ts imports node:fs',
      'src/data/b.ts imports src/data/cNode.ts',
    ]);
    const roots = sources.filter(anyPlatform);
    expect(roots.length).toBeGreaterThan(40);
    expect(reachedPlatform(roots, read)).toEqual([]);
  });

  it(`a file of more than ${MAX_LINES} lines says why in its first line`, () => {
    const long = FILES.filter(isTypeScript).filter((path) => {
      const lines = read(path).trimEnd().split('\n');
      return lines.length > MAX_LINES && !/^(\/\/|\/\*)/.test(lines[0]!);
    });
    expect(long).toEqual([]);
  });

  it('every operator has examples', () => {
    const without = Object.keys(OPS).filter(
      (name) => !(CASES as Readonly<Record<string, readonly unknown[]>>)[name]?.length,
    );
    expect(without).toEqual([]);
    expect(Object.keys(CASES).filter((name) => !(name in OPS))).toEqual([]);
    expect(Object.keys(OPS).length).toBeGreaterThan(50);
  });

  it('ONNX Runtime is loaded in one place, which says before that nothing is sent to anybody', () => {
    const found = sources.filter((path) => importsOf(read(path)).includes('onnxruntime-node'));
    expect(found).toEqual(['src/engine/onnxRuntimeNode.ts']);
    // It is loaded in the file's own lines, which come after all of its imports.
    expect(read(found[0]!)).toMatch(/^import '\.\/noTelemetryNode\.ts';\n/);
    expect(read(found[0]!)).not.toMatch(/^import (?!type ).*'onnxruntime-node'/m);
  });

  it('no file carries a path of one machine', () => {
    const found = FILES.filter((path) => path !== 'package-lock.json').flatMap((path) => {
      const text = read(path);
      if (text.includes('\0')) return [];
      return text.split('\n').flatMap((line, i) => (MACHINE_PATH.test(line) ? [`${path}:${i + 1}`] : []));
    });
    expect(found).toEqual([]);
  });
});

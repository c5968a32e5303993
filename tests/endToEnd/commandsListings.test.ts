import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ModelListing } from '../../src/run/models/listings.ts';
import { jsonIn, MAIN, temporaryFolder, understudy } from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);

describe('listings and help', () => {
  it('models have the sizes of the papers', async () => {
    const models = await json<ModelListing[]>('list', 'models');
    const size = (name: string) => models.find((model) => model.name === name)!;
    // torchvision and timm: numbers of parameters; MACs of torchvision's documentation (GFLOPS there).
    expect(size('resnet50').parameters).toBe(25557032);
    expect(size('deit_tiny_patch16_224').parameters).toBe(5717416);
    expect(size('resnet50').macs / 1e9).toBeCloseTo(4.09, 2);
    expect(size('resnet18').macs / 1e9).toBeCloseTo(1.81, 2);
    const text = await understudy(dir, ['list', 'models']);
    for (const { name } of models) expect(text.stdout).toMatch(new RegExp(`^${name} +\\d+ px .* \\d+$`, 'm'));
    expect(text.stdout).toMatch(/^ {2}1 +DeiT, arXiv 2012\.12877/m);
  });

  it('methods and augmentations come with settings, defaults and a meaning', async () => {
    const methods = await json<{ name: string; settings: { key: string; default: unknown }[] }[]>('list', 'methods');
    const kd = methods.find(({ name }) => name === 'kd')!;
    expect(kd.settings.find(({ key }) => key === 'alpha')!.default).toBe(0.5);
    const augmentations = await json<{ key: string; meaning: string }[]>('list', 'augmentations');
    expect(augmentations.filter(({ meaning }) => meaning === '')).toEqual([]);
    expect(augmentations.map(({ key }) => key)).toContain('crop');
  });

  it('listings and help load neither the engine nor the decoder', () => {
    const hook = join(dir, 'loaded.cjs');
    writeFileSync(
      hook,
      "process.on('exit', () => process._rawDebug('loaded', ...Object.keys(require.cache).filter((path) => /onnxruntime|sharp/.test(path))));",
    );
    const loaded = (...args: string[]) =>
      spawnSync(process.execPath, ['--require', hook, MAIN, ...args], { encoding: 'utf8' })
        .stderr.split('\n')
        .at(-2);
    const kinds = ['models', 'methods', 'recipes', 'augmentations', 'defaults'];
    for (const args of [
      ...kinds.map((kind) => ['list', kind]),
      ['--help'],
      ['doctor', '--help'],
      ['inspect', '--help'],
    ])
      expect(loaded(...args), args.join(' ')).toBe('loaded');
    expect(loaded('inspect', 'vit_pico_patch4')).toContain('onnxruntime');
  });

  it('help names every flag with an example', async () => {
    const { stdout, status } = await understudy(dir, ['--help']);
    expect(status).toBe(0);
    for (const name of ['distill', 'train', 'eval', 'predict', 'export', 'inspect', 'list']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\w`, 'm'));
      const help = await understudy(dir, [name, '--help']);
      expect(help.stdout).toMatch(new RegExp(`EXAMPLES\n {2}understudy ${name} `));
      const accepted = (await understudy(dir, [name, '--nosuch'])).stderr.split('Available: ')[1]!.trim().split(', ');
      for (const flag of accepted) expect(help.stdout).toMatch(new RegExp(`^ {2}${flag}( \\S+)? +[A-Za-z]`, 'm'));
    }
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect((await understudy(dir, ['--version'])).stdout).toBe(`${version}\n`);
  });

  it('help loads no engine, no image library and no schema', () => {
    const found = new Set<string>();
    const visit = (file: string) => {
      if (found.has(file)) return;
      found.add(file);
      const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type )[^'"`;]*from '([^']+)'/gm);
      for (const [, module] of imports) module!.startsWith('.') ? visit(join(file, '..', module!)) : found.add(module!);
    };
    for (const name of readdirSync('src/cli/commands')) visit(join('src/cli/commands', name));
    visit('src/cli/main.ts');
    const packages = [...found].filter((module) => !module.endsWith('.ts')).sort();
    expect(packages).toEqual(['citty', 'fastest-levenshtein', 'node:fs', 'node:os']);
    expect(found).toContain('src/cli/arguments.ts');
  });
});

import { expect, it, vi } from 'vitest';
import { parseConfig, setOverride } from './parse.ts';
import { runSchema } from './schema.ts';
import { readYaml } from './yaml.ts';

it('YAML and JSON are read, with aliases', () => {
  expect(readYaml('a: &x [1, {b: 2}]\nc: *x\n', 'f.yaml')).toEqual({ a: [1, { b: 2 }], c: [1, { b: 2 }] });
  expect(readYaml('{"a": [1, null]}', 'f.json')).toEqual({ a: [1, null] });
  expect(readYaml('', 'f.yaml')).toBeNull();
});

it.each([
  ['an alias of what it stands in', 'a: &x {b: [*x]}', 'an alias of what it stands in'],
  ['many levels', `a: ${'['.repeat(200)}${']'.repeat(200)}`, 'more than 100 levels'],
  ['more levels than the stack has', '- '.repeat(20_000), 'more levels'],
  ['UTF-16', Buffer.from('\ufeffa: 1', 'utf16le').toString('utf8'), 'Save it as UTF-8'],
  ['several documents', 'a: 1\n---\nb: 2\n', 'several documents (---)'],
  ['an alias of nothing', 'a: *x', 'Unresolved alias'],
  ['a bracket that is never closed', 'data: [', 'wanted YAML, got'],
])('%s is refused by the name of the file', (_, text, part) => {
  expect(() => readYaml(text, 'f.yaml')).toThrow(/^f\.yaml: wanted YAML, got /);
  expect(() => readYaml(text, 'f.yaml')).toThrow(part);
});

it('odd keys warn nobody: the schema refuses them', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  expect(readYaml('? [a, b]\n: 1\n', 'f.yaml')).toEqual({ '[ a, b ]': 1 });
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

it('--set takes what is no YAML, or has no end, as text', () => {
  const target: Record<string, unknown> = {};
  setOverride(target, 'optim.lr=&x [*x]');
  setOverride(target, 'method=[');
  expect(target).toEqual({ optim: { lr: '&x [*x]' }, method: '[' });
});

it('a message shows long values in part, and the first ten of many faults', () => {
  const keys = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key${i}`, i]));
  const refused = () => parseConfig(runSchema, { data: { dir: 'd' }, student: { name: 's' }, ...keys }, 'f.yaml');
  expect(refused).toThrow(/unknown key key9\.(.|\n)*and 290 more$/);
  expect(refused).not.toThrow(/key10\./);
  const long = { data: { dir: 'd', workers: 'x'.repeat(50_000) }, student: { name: 's' } };
  expect(() => parseConfig(runSchema, long, 'f.yaml')).toThrow(
    /data\.workers: .*got "x{199}\.\.\. \(50002 characters\)$/,
  );
});

it('a text of 50 MB is refused before it is parsed', () => {
  const began = process.cpuUsage();
  expect(() => readYaml(`a: ${'x'.repeat(50e6)}`, 'c.yaml')).toThrow(
    'c.yaml: wanted settings of at most 2097152 characters, got 50000003. Is it another file?',
  );
  expect(process.cpuUsage(began).user).toBeLessThan(1e6);
});

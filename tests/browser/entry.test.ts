import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** All files that a file loads at run time, and the packages among them. */
function closure(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(SRC, file), 'utf8');
  for (const [, kind, module] of text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'/gm)) {
    if (kind) continue;
    if (module!.startsWith('.')) closure(relative(SRC, join(SRC, dirname(file), module!)), found);
    else found.add(module!);
  }
  return found;
}

it("the browser's entry loads a few small files and no package", () => {
  const files = [...closure('browser.ts')];
  expect(files).toContain('data/augment/resample.ts');
  expect(files.filter((file) => !file.endsWith('.ts'))).toEqual([]);
  expect(files.filter((file) => /Node\.ts$/.test(file))).toEqual([]);
  expect(files.length).toBeLessThan(24);
});

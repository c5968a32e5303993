import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
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
  expect(files.length).toBeLessThan(30);
});

/** What a bundler makes of a module that uses some of the entry: the size of each script, compressed as web servers do. */
async function compressed(
  code: string,
  by: (code: string) => Buffer = gzipSync,
): Promise<{ readonly first: number; readonly all: number }> {
  const bundle = await rolldown({
    input: 'app',
    external: ['onnxruntime-web'],
    platform: 'browser',
    logLevel: 'silent',
    plugins: [
      {
        name: 'app',
        resolveId: (id) => (id === 'app' ? id : undefined),
        load: (id) => (id === 'app' ? code.replace('understudy/browser', join(SRC, 'browser.ts')) : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'es', minify: true });
  await bundle.close();
  const sizes = output.flatMap((chunk) => (chunk.type === 'chunk' ? [by(chunk.code).length] : []));
  return { first: by(output[0].code).length, all: sizes.reduce((sum, size) => sum + size, 0) };
}

it('preprocess alone is small, and all of it without the runtime is less than a photo', async () => {
  const alone = await compressed("import { preprocess } from 'understudy/browser'; console.log(preprocess);");
  expect(alone.all).toBeLessThan(10_000);
  const whole = await compressed("import * as all from 'understudy/browser'; console.log(all);", brotliCompressSync);
  expect(whole.first).toBeLessThan(10_000);
  expect(whole.all).toBeLessThan(250_000);
});

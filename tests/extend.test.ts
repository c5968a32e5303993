import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { train } from '../src/index.ts';

/** The examples of docs/extend.md, run as they stand in a project that has the package installed. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [method, logger, images] = [
  ...readFileSync(join(ROOT, 'docs/extend.md'), 'utf8').matchAll(/^```js\n([\s\S]*?)^```/gm),
].map((match) => match[1]!);

let dir = '';
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'extend-'));
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(ROOT, join(dir, 'node_modules/understudy'));
  symlinkSync(join(ROOT, 'node_modules/zod'), join(dir, 'node_modules/zod'));
  for (const [name, level] of Object.entries({ dark: 40, light: 200 }))
    for (let i = 0; i < 12; i++) {
      const folder = join(dir, 'photos', name);
      mkdirSync(folder, { recursive: true });
      await sharp({ create: { width: 28, height: 28, channels: 3, background: { r: level, g: level, b: 5 * i } } })
        .png()
        .toFile(join(folder, `${i}.png`));
    }
  const settings = { train: { epochs: 1 } };
  await train({ data: join(dir, 'photos'), model: 'resnet8_small', out: join(dir, 'runs/teacher'), settings });
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function output(code: string): Promise<string> {
  writeFileSync(join(dir, 'example.mjs'), code);
  return (await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: dir })).stdout;
}

it('a method of one own is trained, and checked like any other', async () => {
  expect(await output(method!)).toMatch(/^done .*val\/top1/);
  const config = readFileSync(join(dir, 'runs/own/config.yaml'), 'utf8');
  expect(config).toContain('method: logitMse');
  const metrics = readFileSync(join(dir, 'runs/own/metrics.jsonl'), 'utf8');
  expect(metrics).toContain('train/loss_mse');
  await expect(output(method!.replace('alpha: 0.9', 'alpa: 0.9').replace('runs/own', 'runs/other'))).rejects.toThrow(
    'methods.logitMse: unknown key alpa',
  );
  await expect(output(method!.replaceAll("name: 'logitMse'", "name: 'kd'"))).rejects.toThrow(
    'method kd: wanted a name of its own',
  );
});

it('a logger of one own sees the metrics by their full names', async () => {
  expect(await output(logger!)).toMatch(/^2 step .*val\/loss val\/top1/);
});

it('images of one own are trained on, and named where they are wrong', async () => {
  const [reason, top1] = (await output(images!)).trim().split(' ');
  expect(reason).toBe('done');
  expect(Number(top1)).toBeGreaterThan(0.8);
  const wrong = (from: string, to: string) =>
    output(images!.replace(from, to).replaceAll('runs/colours', 'runs/wrong'));
  await expect(wrong("'warm' : 'cold'", "'hot' : 'cold'")).rejects.toThrow(
    'colours: image "train 1": wanted a class of cold, warm, got "hot"',
  );
  await expect(wrong('width: side, height: side', 'width: side, height: 7')).rejects.toThrow('wanted RGB bytes');
});

it('require() loads the package', async () => {
  writeFileSync(join(dir, 'old.cjs'), "console.log(typeof require('understudy').distill)");
  const run = (...flags: string[]) => promisify(execFile)(process.execPath, [...flags, 'old.cjs'], { cwd: dir });
  await expect(run('--no-experimental-require-module')).rejects.toThrow(
    "Use await import('understudy'), or a newer Node",
  );
});

import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';
import { expect, it } from 'vitest';
import { FLAGS } from '../browser/chromium.ts';
import { digitsAndTeacher } from '../browser/tabRuns.ts';
import { blocksOf } from '../docs/blocks.ts';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { CHROMIUM } from '../systemPackages.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const dir = temporaryFolder();

/** The page's part of the example; it uses the package itself, which is what a development server finds first. */
const PAGE = `
import { preprocess } from 'understudy/browser';
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => {
  if (data.type === 'trained' || data.type === 'failed') window.said = { ...data, files: data.files?.size };
};
const file = async (path) => new File([await (await fetch('/' + path)).blob()], path);
const { pictures, teacher } = await (await fetch('/list.json')).json();
const files = async (paths) => Object.fromEntries(await Promise.all(paths.map(async (path) => [path.split('/').at(-1), await file(path)])));
worker.postMessage({
  uses: typeof preprocess,
  pictures: Object.fromEntries(
    await Promise.all(Object.entries(pictures).map(async ([name, paths]) => [name, Object.values(await files(paths))])),
  ),
  teacher: await files(teacher),
});
`;

/** An application in whose node_modules the package lies as npm puts it, in which Vite knows it from its own sources. */
async function writeApplication(): Promise<string> {
  const app = join(dir, 'app');
  mkdirSync(join(app, 'node_modules/understudy'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((each) => !each.startsWith('.')))
    symlinkSync(join(ROOT, 'node_modules', name), join(app, 'node_modules', name));
  for (const name of ['package.json', 'dist'])
    cpSync(join(ROOT, name), join(app, 'node_modules/understudy', name), { recursive: true });
  const { teacher } = await digitsAndTeacher(dir);
  const pictures: Record<string, string[]> = {};
  for (const digit of readdirSync(join(dir, 'digits/train'))) {
    cpSync(join(dir, 'digits/train', digit), join(app, 'public', digit), { recursive: true });
    pictures[digit] = readdirSync(join(app, 'public', digit)).map((name) => `${digit}/${name}`);
  }
  mkdirSync(join(app, 'public/teacher'));
  for (const [name, bytes] of Object.entries(teacher)) writeFileSync(join(app, 'public/teacher', name), bytes);
  const list = { pictures, teacher: Object.keys(teacher).map((name) => `teacher/${name}`) };
  writeFileSync(join(app, 'public/list.json'), JSON.stringify(list));
  const example = blocksOf(readFileSync(join(ROOT, 'docs/browser.md'), 'utf8'));
  const block = (holds: string) => example.find(({ code }) => code.includes(holds))!.code;
  writeFileSync(join(app, 'worker.js'), block('self.onmessage'));
  writeFileSync(join(app, 'vite.config.js'), block('optimizeDeps'));
  writeFileSync(join(app, 'page.js'), PAGE);
  writeFileSync(join(app, 'index.html'), '<!doctype html><script type="module" src="/page.js"></script>');
  writeFileSync(join(app, 'package.json'), '{"name": "app", "private": true, "type": "module"}');
  return app;
}

it("the example trains under Vite's development server, which has never seen the packages", async () => {
  const executable = CHROMIUM.find();
  if (!executable) throw new Error('wanted Chromium (Debian: chromium), got none');
  const warned: string[] = [];
  const root = await writeApplication();
  const server = await createServer({
    root,
    configFile: join(root, 'vite.config.js'),
    cacheDir: join(dir, 'cache'),
    // The other packages lie outside, behind links.
    server: { port: 0, host: '127.0.0.1', fs: { strict: false } },
    logLevel: 'silent',
    customLogger: {
      ...{ info: () => undefined, clearScreen: () => undefined, hasErrorLogged: () => false, hasWarned: false },
      warn: (text) => warned.push(text),
      warnOnce: (text) => warned.push(text),
      error: (text) => warned.push(text),
    },
  });
  const browser = await chromium.launch({ executablePath: executable, args: FLAGS });
  try {
    await server.listen();
    const page = await browser.newPage();
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForFunction('window.said', null, { timeout: 300_000 });
    const said = await page.evaluate<{ type: string; message?: string; reason?: string; files: number }>('window.said');
    expect([said.type, said.message, said.reason]).toEqual(['trained', undefined, 'done']);
    expect(warned).toEqual([]);
  } finally {
    await browser.close();
    await server.close();
  }
});

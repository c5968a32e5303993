import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { verifyModel } from '../../src/run/exporting/verify.ts';
import { loadModel } from '../../src/run/evaluation/predict.ts';
import { train } from '../../src/run/training/trainNode.ts';
import { startPage, writePage } from '../../src/studio/startPage.ts';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { CHROMIUM } from '../systemPackages.ts';
import { writeDigits } from './digits.ts';

const executablePath = CHROMIUM.find();
const dir = temporaryFolder();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ARGS = ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** A host that knows files and nothing else: no headers that would isolate the page. */
async function plainHost(folder: string): Promise<{ server: Server; address: string }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/\/$/, '/index.html');
    response.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain');
    try {
      response.end(readFileSync(join(folder, path)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, address: `http://localhost:${(server.address() as AddressInfo).port}/deep/page/` };
}

/** A browser of one user, who closes it and comes back. */
async function browserOf(user: string): Promise<BrowserContext> {
  const browser = await chromium.launchPersistentContext(join(dir, user), {
    executablePath: executablePath!,
    args: ARGS,
    acceptDownloads: true,
    viewport: { width: 1280, height: 900 },
  });
  browser.setDefaultTimeout(60_000);
  opened.push(browser);
  return browser;
}

const opened: BrowserContext[] = [];
// One that a failed test left open keeps its files.
afterEach(async () => {
  for (const browser of opened.splice(0)) await browser.close();
});

/** What axe-core finds, in light and wide, and in dark at a phone's width. */
async function violations(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 360],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(AXE);
    const rules = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`);
    });
    found.push(...rules.map((rule) => `${colorScheme} ${width} px: ${rule}`));
    const look = await page.evaluate<string>(
      'getComputedStyle(document.documentElement).getPropertyValue("--space-2")',
    );
    if (look === '') found.push('the tokens of the look are not there');
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    if (wide > 0) found.push(`${colorScheme} ${width} px: ${wide} px stand out at the side`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  return found;
}

/** Sent as text: from now on, the time in tasks of over 50 ms of the page's own thread, in ms. */
const WATCH = `globalThis.long = 0; globalThis.began = performance.now(); new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) long += duration;
}).observe({ type: 'longtask' })`;

const text = (page: Page, column: string) => page.locator(`#${column}`).innerText();
const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });

describe.skipIf(!executablePath)('the page that trains in a tab', () => {
  let host: { server: Server; address: string };
  beforeAll(async () => {
    await writeDigits(join(dir, 'all'), { train: 10, val: 2 });
    const { out } = await train({
      data: join(dir, 'all'),
      model: 'resnet8_small',
      out: join(dir, 'teacher'),
      settings: { train: { epochs: 1, batch: 25, threads: 1 } },
    });
    expect(readdirSync(join(out, 'model'))).toContain('model.safetensors');
    expect(await runProgram(['page', '--out', join(dir, 'host/deep/page')])).toBe(0);
    await expect(writePage(join(dir, 'host/deep/page'))).rejects.toThrow('wanted a new or empty folder, got assets');
    host = await plainHost(join(dir, 'host'));
  });
  afterAll(() => void host?.server.close());

  it('learns 100 digits from a teacher on a plain host, goes on after it was closed with the host gone, answers and is taken away', async () => {
    let browser = await browserOf('first');
    let page = await browser.newPage();
    const asked: string[] = [];
    browser.on('request', (request) => asked.push(request.url()));
    await page.goto(host.address);
    await page.getByText('Drop folders of pictures here').waitFor();
    expect(await page.evaluate('crossOriginIsolated')).toBe(false);
    expect(await text(page, 'train')).toContain('Add pictures of at least two things to tell apart.');
    expect(await button(page, 'Train').isDisabled()).toBe(true);
    expect(await violations(page)).toEqual([]);

    await page.locator('#pictures input[type=file]').setInputFiles(join(dir, 'all/train'));
    await page.getByText('100 pictures in 10 classes').waitFor();
    await page.locator('#train input[type=file]').first().setInputFiles(join(dir, 'teacher/model'));
    await page.getByText('the new model learns from it').waitFor();
    expect(await text(page, 'train')).toContain('A vision transformer, which learns from the teacher.');
    await page.getByLabel('Passes', { exact: true }).check();
    await page.getByLabel('Number of passes').fill('8');
    await page.getByLabel('Mirrored pictures show the same thing').uncheck();
    // The whole page is kept from now on.
    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    await page.evaluate(WATCH);
    await button(page, 'Train').click();
    await page.getByText(/Pass [2-8] of 8/).waitFor();
    // There are none where nothing else uses the machine; a busy one stretches any task, but not many.
    expect(await page.evaluate<number>('long / (performance.now() - began)')).toBeLessThan(0.1);
    await browser.close();
    host.server.closeAllConnections();
    await new Promise((resolve) => host.server.close(resolve));

    browser = await browserOf('first');
    page = await browser.newPage();
    browser.on('request', (request) => asked.push(request.url()));
    await page.goto(host.address);
    await page.getByText('It goes on from what was saved last').waitFor();
    expect(await text(page, 'pictures')).toContain('100 pictures in 10 classes');
    await button(page, 'Pause').click();
    await page.getByText('Everything is saved.').waitFor();
    await page.getByText('What was chosen for you').waitFor();
    expect(Number(/Pass (\d+) of 8/.exec(await text(page, 'train'))?.[1])).toBeGreaterThan(1);
    await button(page, 'Go on').click();
    await page.getByText(/It is right on \d+ of 10 pictures/).waitFor();
    expect(await violations(page)).toEqual([]);

    const digit = join(dir, 'all/val/3/0.png');
    await page.locator('#try input[type=file]').setInputFiles(digit);
    await page.locator('#try ol').nth(1).waitFor();
    expect(await text(page, 'try')).toMatch(/Your model[\s\S]*ms[\s\S]*Teacher: model[\s\S]*ms/);
    const [downloading] = await Promise.all([page.waitForEvent('download'), button(page, 'Download model').click()]);
    const zip = unzipSync(Uint8Array.from(readFileSync(await downloading.path())));
    for (const [path, bytes] of Object.entries(zip)) {
      mkdirSync(dirname(join(dir, 'zip', path)), { recursive: true });
      writeFileSync(join(dir, 'zip', path), bytes);
    }
    const verified = await verifyModel(join(dir, 'zip'), { data: join(dir, 'all'), images: 20 });
    expect([verified.agrees, verified.images, verified.temporary]).toEqual([true, 20, false]);
    const [best] = await (await loadModel(join(dir, 'zip'))).predict(readFileSync(digit));
    expect(await text(page, 'try')).toContain(`${best!.class}\n${Math.round(100 * best!.probability)} %`);
    expect(await violations(page)).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(new URL(host.address).origin) && !url.startsWith('blob:'))).toEqual(
      [],
    );
    await browser.close();
  });

  it('is walked by the keyboard alone: classes are made, named and filmed', async () => {
    const served = await startPage({ port: 0 });
    const browser = await browserOf('second');
    const page = await browser.newPage();
    await page.goto(served.address);
    await page.getByText('Drop folders of pictures here').waitFor();
    expect(await page.evaluate('crossOriginIsolated')).toBe(true);
    const tabTo = async (name: string | RegExp) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate<string>(
          'document.activeElement.ariaLabel ?? document.activeElement.textContent ?? ""',
        );
        if (typeof name === 'string' ? focused === name : name.test(focused)) return;
      }
      throw new Error(`the key Tab leads to no ${name}`);
    };
    for (const name of ['Cup', 'Hand']) {
      await tabTo('Add a class');
      await page.keyboard.press('Enter');
      await page
        .getByLabel('Name of the class')
        .nth(name === 'Cup' ? 0 : 1)
        .waitFor();
      await page.evaluate('document.activeElement.blur()');
      await tabTo('Name of the class');
      if (name === 'Hand') await tabTo('Name of the class');
      await page.keyboard.press('Control+A');
      await page.keyboard.type(name);
      await page.keyboard.press('Enter');
      await tabTo(`Film ${name} with the webcam`);
      await page.keyboard.press('Enter');
      await page.locator('.film button:enabled', { hasText: 'Start filming' }).waitFor();
      await page.evaluate('document.querySelector(".film button").focus()');
      await page.keyboard.press('Enter');
      await page.getByText(/[4-9] pictures taken/).waitFor();
      if (name === 'Cup') expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Enter');
      await tabTo('Close webcam');
      await page.keyboard.press('Enter');
    }
    expect(await text(page, 'pictures')).toMatch(/\d+ pictures in 2 classes/);
    await tabTo('Train');
    await page.keyboard.press('Enter');
    await page
      .getByText(/Pass \d+ of|Getting ready/)
      .first()
      .waitFor();
    await browser.close();
    await served.close();
  });

  it('is given the pictures of a folder, which nobody has without the token', async () => {
    const served = await startPage({ port: 0, dir: join(dir, 'all') });
    const list = new URL('/given/list.json', served.address);
    expect((await fetch(list)).status).toBe(401);
    expect((await fetch(new URL('/given/0', served.address))).status).toBe(401);
    expect((await fetch(new URL('/', served.address))).status).toBe(200);
    const browser = await browserOf('third');
    const page = await browser.newPage();
    await page.goto(served.address);
    expect(page.url()).not.toContain('token');
    await button(page, 'Take these pictures').click();
    await page.getByText('120 pictures in 10 classes').waitFor();
    await page.locator('#train input[type=file]').first().setInputFiles(join(dir, 'teacher/model'));
    await page.getByText('the new model learns from it').waitFor();
    await page.getByLabel('Name of the class').first().fill('Zero');
    await page.keyboard.press('Enter');
    await page.getByText('it knows other classes than yours').waitFor();
    await button(page, 'Train without a teacher').click();
    const onnx = page.locator('#train input[type=file]').nth(1);
    const network = { name: 'net.onnx', mimeType: '', buffer: Buffer.from('any') };
    await onnx.setInputFiles(network);
    await page.getByText('Choose config.json and preprocessor_config.json together with net.onnx').waitFor();
    const beside = ['config.json', 'preprocessor_config.json'].map((name) => ({
      ...{ name, mimeType: 'application/json', buffer: readFileSync(join(dir, 'teacher/model', name)) },
    }));
    await onnx.setInputFiles([network, ...beside]);
    await page.getByText('ONNX file: it knows other classes than yours').waitFor();
    const other = await browser.newPage();
    await other.goto(served.address);
    await other.getByText('This page is open in another tab').waitFor();
    await page.close();
    await other.getByText('120 pictures in 10 classes', { exact: true }).waitFor();
    await browser.close();
    await served.close();
    await expect(startPage({ port: 0, dir: join(dir, 'all/train/3') })).rejects.toThrow(
      'wanted pictures of two classes',
    );
  });
});

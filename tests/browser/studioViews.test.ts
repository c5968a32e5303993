// Views of one studio, opened once for all of them: more than 300 lines.
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distill, train } from '../../src/index.ts';
import { idOf } from '../../src/studio/library/scan.ts';
import { type TestStudio, testStudio } from '../../src/studio/testStudio.ts';
import { CHROMIUM } from '../systemPackages.ts';
import { FLAGS } from './chromium.ts';

const executable = CHROMIUM.find();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A class may be called anything. */
const EVIL = '<img src=x onerror="window.caught=1">';
const CLASSES = [
  [EVIL, '#e02020'],
  ['blue', '#2020e0'],
] as const;

/** Pictures of one colour a class, and a student that was taught by a teacher, in one short epoch. */
async function fill(dir: string): Promise<void> {
  for (const [name, background] of CLASSES)
    for (const part of ['train', 'val']) {
      await mkdir(join(dir, 'photos', part, name), { recursive: true });
      for (let i = 0; i < 8; i++)
        await sharp({ create: { width: 16 + i, height: 16, channels: 3, background } })
          .png()
          .toFile(join(dir, 'photos', part, name, `${i}.png`));
    }
  const settings = { student: { imageSize: 16 }, train: { epochs: 1, batch: 8 } };
  const [data, teacher] = [join(dir, 'photos'), join(dir, 'teacher')];
  await train({ data, model: 'vit_pico_patch4', out: teacher, settings });
  await distill({ data, teacher, student: 'vit_pico_patch4', method: 'kd', out: join(dir, 'student'), settings });
}

describe.skipIf(!executable)('views of data and models', () => {
  let studio: TestStudio;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  const at = (path: string) => `http://localhost:${studio.port}${path}`;
  const run = `/runs/${idOf('run', 'student')}`;
  const data = `/data/${idOf('data', 'photos')}`;

  beforeAll(async () => {
    studio = await testStudio(fill);
    // A webcam that shows a moving ball, and a WebGPU in software.
    browser = await chromium.launch({
      executablePath: executable!,
      args: FLAGS,
    });
    page = await (
      await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['camera'] })
    ).newPage();
    page.setDefaultTimeout(90_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.route(
      (url) => url.origin !== new URL(at('')).origin && url.protocol.startsWith('http'),
      (route) => {
        elsewhere.push(route.request().url());
        return route.abort();
      },
    );
    await page.goto(studio.address);
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await studio?.close();
  });

  /** Rules that axe-core finds broken. */
  const broken = () =>
    page.evaluate<string[]>(`${AXE}; axe.run().then(({ violations }) => violations.map(({ id }) => id))`);
  /** Presses Tab until what is focused has this name, as somebody without a mouse does. */
  const tabTo = async (name: string | RegExp) => {
    const named = `(() => {
      const at = document.activeElement;
      return (at.labels?.[0] ?? at).getAttribute('aria-label') ?? (at.labels?.[0] ?? at).textContent.trim();
    })()`;
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate<string>(named);
      if (typeof name === 'string' ? found === name : name.test(found)) return;
    }
    throw new Error(`${name}: Tab never comes there`);
  };
  const pictures = () => page.getByRole('region', { name: 'Pictures' }).getByRole('listitem');

  it('a data set is a grid that filters, survives a reload and is reached by the keyboard', async () => {
    await page.goto(at(data));
    await expect.poll(() => pictures().count(), { timeout: 90_000 }).toBeGreaterThan(8);
    expect(await pictures().first().getAttribute('aria-setsize')).toBe('32');
    await page.getByLabel('Class', { exact: true }).selectOption({ label: 'blue (16)' });
    await page.getByLabel('Part', { exact: true }).selectOption('val');
    await page.getByLabel('Name', { exact: true }).fill('3.png');
    await expect.poll(() => pictures().count()).toBe(1);
    await page.reload();
    await expect.poll(() => pictures().count()).toBe(1);
    await tabTo('Name');
    for (const key of ['Tab', 'Tab', 'Enter']) await page.keyboard.press(key);
    await page.getByRole('img', { name: 'The chosen picture' }).waitFor();
    expect(page.url()).toContain('at=');
    const width = () => page.evaluate<number>(`document.querySelector('.large img').naturalWidth`);
    await expect.poll(width).toBe(19);
    expect(await broken()).toEqual([]);
  });

  it('a cell of the confusion opens its pictures; labels that look wrong are exported', async () => {
    await page.goto(at(`${run}/confusion`));
    const cell = page.getByRole('link', { name: / taken for / }).first();
    const [, images] = / taken for .*: (\d+) of 8$/.exec((await cell.getAttribute('aria-label'))!)!;
    await cell.click();
    await expect.poll(() => pictures().first().getAttribute('aria-setsize')).toBe(images);
    expect(await broken()).toEqual([]);
    await page.goto(at(`${run}/pictures?kind=labels`));
    const tab = page.getByRole('link', { name: /^Labels that look wrong \(\d+\)$/ });
    const [, count] = /\((\d+)\)/.exec(await tab.innerText())!;
    if (Number(count) > 0) {
      await page.getByRole('button', { name: `Choose all ${count}` }).click();
      const [saved] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export as CSV' }).click(),
      ]);
      const lines = (await readFile(await saved.path(), 'utf8')).trim().split('\n');
      expect(lines[0]).toBe('image,label,suggested,probability,teacher_probability');
      expect(lines).toHaveLength(Number(count) + 1);
    }
    expect(await broken()).toEqual([]);
    expect(await page.evaluate('window.caught')).toBeUndefined();
  });

  it('student and teacher answer in this browser as they did in Node', async () => {
    await page.goto(at(`${run}/try`));
    await page.setInputFiles('input[type=file]', join(studio.dir, 'photos/val/blue/0.png'));
    const student = page.getByRole('region', { name: 'Student' });
    await student.getByText('%').first().waitFor({ timeout: 90_000 });
    const first = (await student.getByRole('listitem').first().innerText()).split(/\s*\n\s*/);
    const table = await readFile(join(studio.dir, 'student/predictions.csv'), 'utf8');
    const [, , prediction, probability] = table
      .split('\n')
      .find((line) => line.includes('val/blue/0.png'))!
      .split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/) as [string, string, string, string];
    expect(prediction.replaceAll('""', '"').replace(/^"(.*)"$/, '$1')).toBe(first[0]);
    expect(Math.abs(Number.parseFloat(first.at(-1)!) - 100 * Number(probability))).toBeLessThan(0.1);
    const teacher = page.getByRole('region', { name: /^Teacher/ });
    await teacher.getByText('%').first().waitFor({ timeout: 90_000 });
    // Both in WebGPU too, which says the same.
    const alike = page.getByRole('cell', { name: /^as WebAssembly, within \d/ });
    await expect.poll(() => alike.count(), { timeout: 180_000 }).toBe(2);
    expect(await broken()).toEqual([]);
    await page.getByRole('button', { name: 'Webcam on' }).click();
    await page.getByLabel('What the webcam sees').waitFor();
    const seen = () =>
      page.evaluate<string>(`document.querySelector('section[aria-label="Student"] .bars .number').textContent`);
    const before = await seen();
    await expect.poll(seen, { timeout: 90_000 }).not.toBe(before);
    await page.getByRole('button', { name: 'Webcam off' }).click();
    expect(await page.getByLabel('What the webcam sees').count()).toBe(0);
  }, 300_000);

  it('what a model is and has learned: its blocks, attention distance, CKA with the teacher, and where both look', async () => {
    await page.goto(at(`${run}/model`));
    await page.getByRole('cell', { name: 'B × 17 × 64' }).first().waitFor({ timeout: 90_000 });
    await page.getByRole('button', { name: 'Look' }).click();
    const cka = page.getByRole('region', { name: 'CKA by layer' });
    await cka.waitFor({ timeout: 90_000 });
    const values = (await cka.locator('td').allTextContents()).map(Number);
    expect(values).toHaveLength(25);
    expect(values.filter((value) => !(value >= -1 && value <= 1))).toEqual([]);
    await page
      .getByRole('region', { name: /^Attention distance/ })
      .locator('summary')
      .click();
    const distances = page.getByRole('region', { name: 'Attention distance, 16 pictures, as a table' });
    // A table is made when it is opened.
    await expect.poll(() => distances.locator('tbody tr').count()).toBe(4);
    expect(await broken()).toEqual([]);
    await page.goto(at(`${run}/confusion`));
    await page
      .getByRole('link', { name: / taken for / })
      .first()
      .click();
    await pictures().first().getByRole('link').click();
    for (const who of ['student', 'teacher']) {
      await page.getByRole('button', { name: `Where the ${who} looks` }).click();
      const drawn = `[...document.querySelectorAll('.large img')].find(({ alt }) => alt === 'Attention of the ${who}')`;
      await expect
        .poll(() => page.evaluate<number>(`${drawn}?.naturalWidth ?? 0`), { timeout: 90_000 })
        .toBeGreaterThan(16);
    }
    expect(await broken()).toEqual([]);
  }, 300_000);

  it('a student is exported, verified and taken away: the zip is the folder, and every client runs it as the trainer does', async () => {
    await page.goto(at(`${run}/export?out=taken`));
    await page.getByText('understudy export student --out taken --dtype fp32 --data').waitFor();
    expect(await broken()).toEqual([]);
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    const link = page.getByRole('link', { name: /^Download as zip, / });
    await link.waitFor({ timeout: 60_000 });
    const [saved] = await Promise.all([page.waitForEvent('download'), link.click()]);
    expect(saved.suggestedFilename()).toBe('taken.zip');
    const zip = unzipSync(await readFile(await saved.path()));
    const exported = ['README.md', 'config.json', 'model.safetensors', 'onnx/model.onnx', 'preprocessor_config.json'];
    expect(Object.keys(zip)).toEqual(exported.map((path) => `taken/${path}`));
    for (const [path, bytes] of Object.entries(zip)) {
      const unpacked = join(studio.dir, 'unpacked', path);
      await mkdir(dirname(unpacked), { recursive: true });
      await writeFile(unpacked, bytes);
    }
    await page.goto(at(`/models/${idOf('model', 'unpacked/taken')}/files?images=4`));
    await page.getByRole('button', { name: 'Verify', exact: true }).click({ timeout: 90_000 });
    await page.getByText('Every client answers as the trainer does', { exact: true }).waitFor({ timeout: 120_000 });
    const rows = page.getByRole('region', { name: 'Clients compared with the trainer' }).locator('tbody tr');
    const said = (await rows.allTextContents()).map((row) =>
      /^([\w.-]+?) ?[\d.]*fp32.*(agrees|to compare)$/.exec(row)?.slice(1),
    );
    expect(said).toEqual([
      ['onnxruntime-node', 'agrees'],
      ['onnxruntime-web', 'agrees'],
      ['transformers.js', 'agrees'],
      ['transformers.js', 'to compare'],
    ]);
    // The code that is shown is that of the model card, which tests/browser/clients.test.ts runs.
    const card = await readFile(join(studio.dir, 'taken/README.md'), 'utf8');
    const code = page.getByRole('region', { name: / in (Node|a browser|Python)$/ });
    const clients = await page.getByLabel('Who runs it').locator('option').allTextContents();
    expect(clients).toHaveLength(6);
    for (const client of clients) {
      await page.getByLabel('Who runs it').selectOption(client);
      await expect.poll(() => code.getAttribute('aria-label')).toBe(client);
      expect(card).toContain((await code.innerText()).replaceAll('taken', 'my-model'));
    }
    expect(await broken()).toEqual([]);
  }, 300_000);

  it('by the keyboard alone: from a run to its confusion, a cell, a picture, its labels, its export', async () => {
    await page.goto(at(run));
    await page.getByRole('link', { name: 'Confusion' }).waitFor();
    await tabTo('Confusion');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Confusion matrix' }).waitFor();
    await tabTo(/ taken for .*: \d+ of 8$/);
    await page.keyboard.press('Enter');
    await pictures().first().getByRole('link').waitFor();
    // Past the button that closes the list, and the list itself, which scrolls.
    await tabTo('Close');
    for (const key of ['Tab', 'Tab', 'Enter']) await page.keyboard.press(key);
    await page.getByRole('img', { name: 'The chosen picture' }).waitFor();
    await page.locator('.facts', { hasText: 'Teacher' }).waitFor();
    await tabTo('Close');
    await page.goto(at(`${run}/export`));
    await page.getByRole('link', { name: 'Export', exact: true }).waitFor();
    for (const name of ['Export', 'Folder', /^fp16: /, 'Export']) await tabTo(name);
  });

  it('everybody can use these views: what axe finds, in the dark on a telephone; at 200 %; in print', async () => {
    const model = `/models/${idOf('model', 'taken')}`;
    const found: string[] = [];
    const views = [
      ...[`${run}/confusion`, `${run}/pictures`, `${run}/try`, `${run}/model`, `${run}/settings`],
      ...[`${data}/classes`, `${data}/augmentation`, model, `${model}/files`, '/models', '/data', '/stores'],
    ];
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const path of views) {
      await page.setViewportSize({ width: 360, height: 450 });
      await page.goto(at(path));
      await page.locator('main h1').waitFor();
      await page.waitForLoadState('networkidle');
      found.push(...(await broken()).map((rule) => `${path}: ${rule}`));
      // 640 px are half of 1280: what is left at 200 %.
      for (const width of [360, 640]) {
        await page.setViewportSize({ width, height: 450 });
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        if (wide > 0) found.push(`${path} at ${width} px: ${wide} px wider than the screen`);
      }
    }
    expect(found).toEqual([]);
    // Paper is white: lines have the colours that can be read there, whatever the screen's theme.
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.goto(at(run));
    await page.locator('.chart canvas').first().waitFor();
    const drawn = (colour: string) =>
      page.evaluate<boolean>(`(() => {
        const canvas = document.querySelector('.chart canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4)
          if (data[i + 3] === 255 && [data[i], data[i + 1], data[i + 2]].join() === '${colour}') return true;
        return false;
      })()`);
    const [dark, light] = ['86,180,233', '0,114,178'];
    await expect.poll(() => drawn(dark)).toBe(true);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await expect.poll(() => drawn(light)).toBe(true);
    expect(await page.evaluate(`getComputedStyle(document.body).backgroundColor`)).toBe('rgb(255, 255, 255)');
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
    await page.setViewportSize({ width: 1280, height: 900 });
  }, 300_000);

  it('nothing broke, and no other machine was asked', () => {
    expect([complaints, elsewhere]).toEqual([[], []]);
  });
});

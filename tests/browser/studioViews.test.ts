import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distill, train } from '../../src/index.ts';
import { idOf } from '../../src/studio/library/scan.ts';
import { type TestStudio, testStudio } from '../../src/studio/testStudio.ts';
import { CHROMIUM } from '../systemPackages.ts';

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
    browser = await chromium.launch({ executablePath: executable!, args: ['--no-sandbox'] });
    page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.route(
      (url) => url.origin !== new URL(at('')).origin && url.protocol.startsWith('http'),
      (route) => {
        elsewhere.push(route.request().url());
        return route.abort();
      },
    );
    await page.goto(studio.address);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await studio?.close();
  });

  /** Rules that axe-core finds broken. */
  const broken = () =>
    page.evaluate<string[]>(`${AXE}; axe.run().then(({ violations }) => violations.map(({ id }) => id))`);
  const pictures = () => page.getByRole('region', { name: 'Pictures' }).getByRole('listitem');

  it('a data set is a grid that filters, survives a reload and is reached by the keyboard', async () => {
    await page.goto(at(data));
    await expect.poll(() => pictures().count(), { timeout: 15_000 }).toBeGreaterThan(8);
    expect(await pictures().first().getAttribute('aria-setsize')).toBe('32');
    await page.getByLabel('Class', { exact: true }).selectOption({ label: 'blue (16)' });
    await page.getByLabel('Part', { exact: true }).selectOption('val');
    await page.getByLabel('Name', { exact: true }).fill('3.png');
    await expect.poll(() => pictures().count()).toBe(1);
    await page.reload();
    await expect.poll(() => pictures().count()).toBe(1);
    await page.getByLabel('Name', { exact: true }).focus();
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
    await student.getByText('%').first().waitFor({ timeout: 20_000 });
    const first = (await student.getByRole('listitem').first().innerText()).split(/\s*\n\s*/);
    const table = await readFile(join(studio.dir, 'student/predictions.csv'), 'utf8');
    const [, , prediction, probability] = table
      .split('\n')
      .find((line) => line.includes('val/blue/0.png'))!
      .split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/) as [string, string, string, string];
    expect(prediction.replaceAll('""', '"').replace(/^"(.*)"$/, '$1')).toBe(first[0]);
    expect(Math.abs(Number.parseFloat(first.at(-1)!) - 100 * Number(probability))).toBeLessThan(0.1);
    await page
      .getByRole('region', { name: /^Teacher/ })
      .getByText('%')
      .first()
      .waitFor({ timeout: 20_000 });
    expect(await broken()).toEqual([]);
  }, 60_000);

  it('nothing broke, and no other machine was asked', () => {
    expect([complaints, elsewhere]).toEqual([[], []]);
  });
});

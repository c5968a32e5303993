// One studio and one browser serve all these views, since starting both takes longer than most tests: more than 300 lines.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOf as placeId } from '../../src/studio/library/scan.ts';
import { tellRun } from '../../src/run/training/tellRunNode.ts';
import { startStudio } from '../../src/studio/startStudio.ts';
import { type TestStudio, testStudio } from '../../src/studio/testStudio.ts';
import { CHROMIUM } from '../systemPackages.ts';

const executable = CHROMIUM.find();
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** A class or a folder may be called anything. */
const EVIL = '<img src=x onerror="window.caught=1">';

const row = (step: number, loss: number) =>
  `${JSON.stringify({ step, epoch: 1, stage: 0, 'train/loss': loss, 'train/loss_ce': loss, 'train/lr': 0.001, 'train/images_per_sec': 100, time: 1_800_000_000_000 + step * 1000 })}\n`;

function writeRun(dir: string, name: string, steps: number, method = 'kd'): void {
  const folder = join(dir, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'config.yaml'),
    `data: {dir: photos}\nstudent: {name: vit_pico_patch4}\nmethod: ${JSON.stringify(method)}\ntrain: {seed: ${steps}}\n`,
  );
  writeFileSync(
    join(folder, 'metrics.jsonl'),
    Array.from({ length: steps }, (_, i) => row(i + 1, 2 / (i + 1))).join(''),
  );
  writeFileSync(join(folder, 'summary.csv'), `step,epoch,stage,val/loss,val/top1\n${steps},1,0,1.5,0.75\n`);
  writeFileSync(join(folder, 'train.log'), '2026-05-01T12:00:00.000Z 1 stage, 1 epoch, 100 steps\n');
}

/** A folder of pictures that are plain colours, one a class. */
async function writePhotos(dir: string): Promise<void> {
  const { default: sharp } = await import('sharp');
  for (const [name, background] of [
    ['red', '#e02020'],
    ['blue', '#2020e0'],
  ] as const) {
    mkdirSync(join(dir, 'photos', name), { recursive: true });
    for (let i = 0; i < 24; i++)
      await sharp({ create: { width: 32, height: 32, channels: 3, background } })
        .composite([
          {
            input: { create: { width: 1 + (i % 8), height: 1 + i, channels: 3, background: '#ffffff' } },
            left: 0,
            top: 0,
          },
        ])
        .png()
        .toFile(join(dir, 'photos', name, `${i}.png`));
  }
}

it('the command prints one address, answers there, and ends by Ctrl-C', async () => {
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, 'studio', tmpdir(), '--port', '0']);
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  expect(line).toMatch(/^http:\/\/localhost:\d+\/\?token=[\w-]{43}\n$/);
  const { status } = await fetch(line.trim(), { redirect: 'manual' });
  // It starts in a moment since it loads nothing that computes or decodes; Linux tells what a process has loaded.
  const loaded = existsSync('/proc/self/maps') ? readFileSync(`/proc/${child.pid}/maps`, 'utf8') : 'node';
  expect([/node/.test(loaded), /onnxruntime|sharp|libvips/.test(loaded)]).toEqual([true, false]);
  child.kill('SIGINT');
  expect([status, (await ended)[0]]).toEqual([303, 0]);
});

describe.skipIf(!executable)('the studio in a browser', () => {
  let studio: TestStudio;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** The studios of this test. */
  const own = new Set<string>();
  const elsewhere: string[] = [];
  const complaints: string[] = [];
  const closed: string[] = [];
  const at = (path: string) => `http://localhost:${studio.port}${path}`;

  beforeAll(async () => {
    studio = await testStudio(async (dir) => {
      writeRun(dir, 'one', 40);
      writeRun(dir, 'group/two', 60, EVIL);
      await writePhotos(dir);
      mkdirSync(join(dir, 'few'));
      for (const name of ['plan.json', 'study.yaml']) writeFileSync(join(dir, 'few', name), '{}');
      copyFileSync(new URL('../../docs/results/emojiFewImages.json', import.meta.url), join(dir, 'few/results.json'));
    });
    browser = await chromium.launch({ executablePath: executable!, args: ['--no-sandbox'] });
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
    page = await context.newPage();
    page.on('console', (message) => {
      // A studio that was closed is asked again and again, and the browser tells each time.
      if (closed.some((origin) => message.location().url.startsWith(origin))) return;
      if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.route(
      (url) => !own.has(url.origin),
      (route) => {
        elsewhere.push(route.request().url());
        return route.abort();
      },
    );
    own.add(at(''));
    await page.goto(studio.address);
  });
  afterAll(async () => {
    await browser?.close();
    await studio?.close();
  });

  const idOf = (path: string) =>
    page.evaluate(
      `fetch('/api/runs').then((r) => r.json()).then(({ runs }) => runs.find((run) => run.path === ${JSON.stringify(path)}).id)`,
    ) as Promise<string>;

  it('shows the runs, filters them, and keeps that in the address', async () => {
    expect(page.url()).toBe(at('/'));
    await page.getByRole('link', { name: 'one', exact: true }).waitFor();
    await page.getByLabel('Filter').fill('group');
    await expect.poll(() => page.getByRole('link', { name: 'one', exact: true }).count()).toBe(0);
    await page.reload();
    await page.getByRole('link', { name: 'two', exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'one', exact: true }).count()).toBe(0);
    // What a run is called is shown, and never taken for markup.
    expect(await page.getByText(EVIL).count()).toBe(1);
    expect(await page.evaluate('window.caught')).toBeUndefined();
  });

  it('follows a run that goes on, over a reload and over a new studio, without a step lost or shown twice', async () => {
    const id = await idOf('one');
    const steps = async (): Promise<string[]> =>
      page.getByRole('region', { name: 'Loss, as a table' }).locator('tbody td:first-child').allTextContents();
    const open = async () => {
      await page.getByRole('region', { name: 'Loss', exact: true }).locator('summary').click();
    };
    const wanted = (last: number) => Array.from({ length: last }, (_, i) => String(i + 1));
    await page.goto(at(`/runs/${id}?smooth=0`));
    await open();
    await expect.poll(steps, { timeout: 10_000 }).toEqual(wanted(40));
    const file = join(studio.dir, 'one/metrics.jsonl');
    appendFileSync(file, row(41, 0.04) + row(42, 0.03).slice(0, 30));
    await expect.poll(steps, { timeout: 10_000 }).toEqual(wanted(41));
    appendFileSync(file, row(42, 0.03).slice(30));
    await expect.poll(steps, { timeout: 10_000 }).toEqual(wanted(42));
    await page.reload();
    await open();
    await expect.poll(steps, { timeout: 10_000 }).toEqual(wanted(42));
    appendFileSync(file, row(43, 0.02));
    await expect.poll(steps, { timeout: 10_000 }).toEqual(wanted(43));
    const second = await startStudio({ dir: studio.dir, port: 0 });
    own.add(new URL(second.address).origin);
    try {
      await page.goto(second.address.replace('/?', `/runs/${id}?smooth=0&`));
      await open();
      appendFileSync(file, row(44, 0.02));
      await expect.poll(steps, { timeout: 10_000 }).toEqual(wanted(44));
    } finally {
      closed.push(new URL(second.address).origin);
      await second.close();
    }
    await expect.poll(() => page.getByText('Not connected').count(), { timeout: 10_000 }).toBe(1);
  });

  it('compares two runs that were chosen with the keyboard alone', async () => {
    await page.goto(at('/runs'));
    await page.getByRole('link', { name: 'two', exact: true }).waitFor();
    const boxes = page.getByRole('checkbox', { name: /^Choose / });
    for (const i of [0, 1]) {
      await boxes.nth(i).focus();
      await page.keyboard.press('Space');
    }
    await page.getByRole('button', { name: 'Compare 2' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '2 runs compared' }).waitFor();
    await page.getByRole('link', { name: 'Settings' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: 'train.seed' }).waitFor();
    expect(new URL(page.url()).searchParams.get('show')).toBe('settings');
  });

  it('a study shows its rows with what they say; columns are remembered, the order stands in the address', async () => {
    await page.goto(at('/studies'));
    await page.getByRole('link', { name: 'few', exact: true }).click();
    const table = page.getByRole('region', { name: 'What the rows of the study reach' });
    const column = async (name: string): Promise<string[]> => {
      const heads = await table.locator('th').allTextContents();
      const i = heads.findIndex((head) => head.replace(/ [↓↑]$/, '') === name);
      return table.locator(`tbody td:nth-child(${i + 1})`).allTextContents();
    };
    await table.waitFor();
    expect(await column('Verdict')).toContain('inside the noise');
    const [, low, high] = /^([+-][\d.]+) to ([+-][\d.]+)$/.exec(
      (await column('95 % interval')).find((cell) => cell !== '–')!,
    )!;
    expect(Number(low)).toBeLessThan(Number(high));
    const rows = await column('Verdict');
    await table.getByRole('button', { name: /%, last/ }).click();
    await page.getByText('Columns').click();
    await page.getByLabel('CPU time').check();
    await page.reload();
    await table.waitFor();
    expect((await column('CPU time')).length).toBe(rows.length);
    expect(rows.length).toBeGreaterThan(3);
    const last = (await column('val/top1 %, last')).filter((cell) => cell !== '–').map(Number);
    expect(last).toEqual([...last].sort((a, b) => b - a));
  });

  it('starts any other command by its own form, which stands in the address', async () => {
    await page.goto(at('/start'));
    await page.getByRole('link', { name: 'synthesize', exact: true }).click();
    await page.getByText('Still missing: teacher, out, images').waitFor();
    for (const [label, value] of [
      ['teacher (needed)', 'runs/teacher'],
      ['out (needed)', 'made'],
      ['images (needed)', '20'],
    ] as const)
      await page.getByLabel(label, { exact: true }).fill(value);
    // The settings come with all models and methods, which are loaded now.
    await page.getByText(/^All of synthesis/).click({ timeout: 60_000 });
    await page.getByLabel('synthesis.feature', { exact: true }).fill('5');
    const line = 'understudy synthesize --teacher runs/teacher --out made --images 20 --set feature=5';
    await page.getByText(line).first().waitFor();
    await page.reload();
    await page.getByText(line).first().waitFor();
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('heading', { name: 'Command' }).waitFor();
    // What it refuses is said in its own words.
    await page.getByText('runs/teacher', { exact: false }).nth(1).waitFor({ timeout: 60_000 });
    await page.getByText('failed', { exact: true }).waitFor({ timeout: 60_000 });
  });

  it('makes a run from a folder of pictures, stops it, goes on with it, saves it, finishes it early', async () => {
    await page.goto(at('/new'));
    await page.getByLabel('Folder of images').fill('photos');
    await page.getByRole('link', { name: 'On to: Teacher' }).click();
    await page.getByRole('link', { name: 'On to: Student and goal' }).click();
    await page.getByLabel('Student', { exact: true }).fill('vit_pico_patch4');
    await page.getByLabel('train.epochs').fill('4000');
    await page.getByLabel('train.batch').fill('8');
    await page.getByText('understudy train --data photos --model vit_pico_patch4').first().waitFor();
    // The half-filled form stands in the address.
    await page.reload();
    expect(await page.getByLabel('train.epochs').inputValue()).toBe('4000');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByRole('heading', { name: 'Command' }).waitFor();
    await page.getByText('1 stage', { exact: false }).first().waitFor({ timeout: 60_000 });
    // The command's page leads to the run that it makes.
    await page.getByRole('link', { name: 'runs/photos-vit_pico_patch4-supervised' }).click({ timeout: 60_000 });
    await page.getByRole('region', { name: 'Loss', exact: true }).waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Stop and save', exact: true }).click();
    await page.getByRole('button', { name: 'Go on', exact: true }).waitFor({ timeout: 60_000 });
    const before = Number(
      await page.locator('.figures div:nth-child(3) dd').evaluate((cell) => cell.firstChild!.textContent),
    );
    await page.getByRole('button', { name: 'Go on', exact: true }).click();
    await page.getByRole('button', { name: 'Stop and save', exact: true }).waitFor({ timeout: 60_000 });
    await expect
      .poll(
        async () =>
          Number(await page.locator('.figures div:nth-child(3) dd').evaluate((cell) => cell.firstChild!.textContent)),
        { timeout: 60_000 },
      )
      .toBeGreaterThan(before);
    // Saved at once, and it goes on; then finished early, with all that a run leaves.
    const run = join(studio.dir, 'runs/photos-vit_pico_patch4-supervised');
    const savedAt = () => readFile(join(run, 'checkpoints/last/state.json'), 'utf8');
    const atFirst = await savedAt();
    await page.getByRole('button', { name: 'Save now', exact: true }).click();
    await expect.poll(savedAt, { timeout: 60_000 }).not.toBe(atFirst);
    expect((await tellRun(run, 'save')).running).toBe(true);
    await page.getByText(`understudy tell runs/photos-vit_pico_patch4-supervised finish`).waitFor();
    await page.getByRole('button', { name: 'Finish early…', exact: true }).click();
    await page.getByRole('button', { name: 'Evaluate and finish', exact: true }).click();
    await page.getByText('finished', { exact: true }).waitFor({ timeout: 60_000 });
    expect(existsSync(join(run, 'report.html'))).toBe(true);
    await expect(tellRun(run, 'save')).rejects.toThrow('nobody works at this run');
  });

  it('everybody can use each view: nothing that axe finds, in both themes; nothing wider than a telephone', async () => {
    const id = await idOf('one');
    const axe = await readFile(AXE, 'utf8');
    const found: string[] = [];
    const paths = [
      '/runs',
      `/runs/${id}`,
      `/runs/${id}/export`,
      `/runs/${id}/settings`,
      `/runs/${id}/log`,
      `/compare?runs=${id},${await idOf('group/two')}`,
      '/compare',
      '/new',
      '/new?step=teacher',
      '/new?step=goal',
      '/start',
      '/start/synthesize',
      '/sets',
      '/jobs',
      '/studies',
      `/studies/${placeId('study', 'few')}`,
      '/data',
      '/models',
      '/nowhere',
    ];
    const some = ['/runs', `/runs/${id}`, '/new'];
    for (const [theme, width, views] of [
      ['light', 1280, some],
      ['dark', 360, paths],
    ] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize({ width, height: 900 });
      for (const path of views) {
        await page.goto(at(path));
        await page.locator('main h1').waitFor();
        await page.waitForTimeout(150);
        await page.evaluate(axe);
        const { violations } = (await page.evaluate('axe.run()')) as {
          violations: { id: string; nodes: { html: string }[] }[];
        };
        for (const { id: rule, nodes } of violations)
          found.push(`${theme} ${path} ${rule}: ${nodes[0]!.html.slice(0, 160)}`);
        const wide = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
        if (wide > 0) found.push(`${theme} ${path}: ${wide} px wider than the screen`);
      }
    }
    expect(found).toEqual([]);
  });

  it('asked nothing of anybody else, and no view complained', () => {
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

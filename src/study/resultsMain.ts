import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { readPlan } from './readPlan.ts';
import { readJson } from './recordsNode.ts';
import { tableOf } from './tables/report.ts';
import type { StudyReport } from './tables/rows.ts';
import { firstOfEach } from './imageSets.ts';
import { figureFile, fillPage, sheetFile } from './tables/resultsPage.ts';

const PAGES = ['docs/results.md', 'docs/resultsBefore.md'];

/**
 * `npm run results`: takes what the studies of studies/ have found so far into docs/results/, and writes the tables of
 * docs/results.md and docs/resultsBefore.md from there. Without the studies' folders it writes the same pages again.
 */
async function main(): Promise<void> {
  const reports = new Map<string, StudyReport>();
  for (const file of (await readdir('studies')).filter((name) => name.endsWith('.yaml')).sort()) {
    const { plan } = await readPlan(join('studies', file));
    const kept = join('docs/results', file.replace('.yaml', '.json'));
    const folder = plan.study.out ?? join('runs', plan.study.name);
    const found = (await readJson<StudyReport>(join(folder, 'results.json'))) ?? (await readJson<StudyReport>(kept));
    if (!found) continue;
    // What the study file says of its axes today, a paper's claim for one, with the runs as they were found.
    const { axes, baseline } = plan;
    const report = { ...found, axes, baseline, table: tableOf(found.runs, axes, baseline) };
    reports.set(plan.study.name, report);
    await writeFileAtomic(kept, `${JSON.stringify(report, null, 1)}\n`);
    const figure = figureFile(report);
    if (figure !== '') await writeFileAtomic(kept.replace('.json', '.svg'), figure);
    await keepSheets(plan.study.name, folder, report);
  }
  for (const page of PAGES) {
    const filled = fillPage(await readFile(page, 'utf8'), (name) => reports.get(name));
    await writeFileAtomic(page, filled);
  }
  process.stdout.write(`${PAGES.join(', ')}: ${[...reports.keys()].join(', ') || 'no study has been run yet'}\n`);
}

/** The first contact sheet of each set of images, as a file that a repository can carry. */
async function keepSheets(study: string, folder: string, { images = [] }: StudyReport): Promise<void> {
  for (const { name } of firstOfEach(images)) {
    const sheet = join(folder, 'images', name, 'contactSheet-1.png');
    if (!existsSync(sheet)) continue;
    const small = await sharp(sheet).jpeg({ quality: 60 }).toBuffer();
    await writeFileAtomic(join('docs', sheetFile(study, name)), small);
  }
}

await main();

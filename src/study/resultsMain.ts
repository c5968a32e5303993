import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { writeFileAtomic } from '../formats/atomicNode.ts';
import { planStudy } from './plan.ts';
import { readJson } from './recordsNode.ts';
import { type StudyReport, tableOf } from './report.ts';
import { curveFile, fillPage } from './resultsPage.ts';

const PAGE = 'docs/results.md';

/**
 * `npm run results`: takes what the studies of studies/ have found so far into docs/results/, and writes the tables of
 * docs/results.md from there. Without the studies' folders it writes the same page again.
 */
async function main(): Promise<void> {
  const reports = new Map<string, StudyReport>();
  for (const file of (await readdir('studies')).filter((name) => name.endsWith('.yaml')).sort()) {
    const plan = planStudy(parse(await readFile(join('studies', file), 'utf8')), file);
    const kept = join('docs/results', file.replace('.yaml', '.json'));
    const folder = plan.study.out ?? join('runs', plan.study.name);
    const found = (await readJson<StudyReport>(join(folder, 'results.json'))) ?? (await readJson<StudyReport>(kept));
    if (!found) continue;
    // What the study file says of its axes today, a paper's claim for one, with the runs as they were found.
    const { axes, baseline } = plan;
    const report = { ...found, axes, baseline, table: tableOf(found.runs, axes, baseline) };
    reports.set(plan.study.name, report);
    await writeFileAtomic(kept, `${JSON.stringify(report, null, 1)}\n`);
    const curve = curveFile(report);
    if (curve !== '') await writeFileAtomic(kept.replace('.json', '.svg'), curve);
  }
  const page = await readFile(PAGE, 'utf8');
  await writeFileAtomic(
    PAGE,
    fillPage(page, (name) => reports.get(name)),
  );
  process.stdout.write(`${PAGE}: ${[...reports.keys()].join(', ') || 'no study has been run yet'}\n`);
}

await main();

import { htmlPage } from '../analysis/page.ts';
import type { RunPage } from './readRunNode.ts';
import type { Section } from './section.ts';
import { calibration } from './sections/calibration.ts';
import { classes } from './sections/classes.ts';
import { confusion } from './sections/confusion.ts';
import { cost } from './sections/cost.ts';
import { curves } from './sections/curves.ts';
import { hashes } from './sections/hashes.ts';
import { images } from './sections/images.ts';
import { labelClasses } from './sections/labelClasses.ts';
import { settings } from './sections/settings.ts';
import { summary } from './sections/summary.ts';
import { teacher } from './sections/teacher.ts';

/** The parts of the page from top to bottom, a file each. */
export const SECTIONS: readonly Section[] = [
  summary,
  curves,
  labelClasses,
  confusion,
  classes,
  calibration,
  teacher,
  images,
  cost,
  settings,
  hashes,
];

/** A run as one page that loads nothing. */
export const runPage = (run: RunPage, sections: readonly Section[] = SECTIONS): string =>
  htmlPage(
    `Run ${run.name}`,
    sections.flatMap((section) => section(run)),
  );

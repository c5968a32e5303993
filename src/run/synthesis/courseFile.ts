import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** In the folder of a set: how the losses of its batches went, a line of JSON a look. It is there to be looked at and decides nothing. */
export const COURSE_FILE = 'batches/course.jsonl';

/** A sheet of the batch that is being made. */
export const PREVIEW_FILE = 'preview.png';

const rowSchema = z.object({
  round: z.int(),
  batch: z.int(),
  /** Size of the images: each is a stage of so many iterations. */
  stage: z.int(),
  step: z.int(),
  total: z.int(),
  loss: z.number().nullable(),
  /** Terms of the loss, with their weights; `feature` is the gap of the BatchNorm statistics. */
  terms: z.record(z.string(), z.number().nullable()),
  time: z.number(),
});

export type CourseRow = Readonly<z.output<typeof rowSchema>>;

/** Looks at each stage of a batch. Our choice: a curve needs no more, and a set of a thousand batches stays small. */
const LOOKS = 40;

/** Keeps a look; the processes that share a set append to one file, line by line. */
export function keepLook(out: string, row: CourseRow): void {
  const every = Math.ceil(row.total / LOOKS);
  if (row.step !== 1 && row.step !== row.total && row.step % every !== 0) return;
  try {
    appendFileSync(join(out, COURSE_FILE), `${JSON.stringify(row)}\n`);
  } catch {
    // A full disk is told where the images are written.
  }
}

/** The looks of a text in the order of the work; of a batch that was begun again, the later ones. */
export function looksIn(text: string): CourseRow[] {
  const rows = new Map<string, CourseRow>();
  for (const line of text.split('\n')) {
    const row = rowOf(line);
    if (row) rows.set(JSON.stringify([row.round, row.batch, row.stage, row.step]), row);
  }
  return [...rows.values()].sort(
    (a, b) => a.round - b.round || a.batch - b.batch || a.stage - b.stage || a.step - b.step,
  );
}

/** Undefined for a line that a kill cut short. */
function rowOf(line: string): CourseRow | undefined {
  try {
    return rowSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

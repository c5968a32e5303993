import { readJson } from '../recordsNode.ts';
import { join } from 'node:path';
import type { SetQuality } from '../../run/synthesis/quality.ts';
import type { StudyPlan } from '../plan.ts';
import { points } from './reportCells.ts';
import type { ImageSetRow } from './rows.ts';

/** Reads the figures that `synthesize` left in the folders of the sets. */
export function readImageSets({ images }: StudyPlan, folderOf: (name: string) => string): Promise<ImageSetRow[]> {
  return Promise.all(
    Object.keys(images).map(async (name) => ({
      name,
      quality: (await readJson<SetQuality>(join(folderOf(name), 'quality.json'))) ?? null,
    })),
  );
}

/** Distances are between unit vectors of the teacher's penultimate features, 0 to 2. */
export const IMAGE_SET_HEAD: readonly string[] = [
  'images',
  'number',
  "teacher's top-1 %",
  "teacher's confidence %",
  'BatchNorm gap of means',
  'of variances',
  'distance in a class',
  'to other classes',
  'near repeats %',
];

export function imageSetCells({ name, quality }: ImageSetRow): string[] {
  if (!quality) return [name, ...IMAGE_SET_HEAD.slice(1).map(() => '-')];
  const { images, teacherTop1, teacherConfidence, normGaps, intraClassDistance, boundaryDistance, nearRepeats } =
    quality;
  const gap = (key: 'mean' | 'variance') => normGaps.reduce((sum, norm) => sum + norm[key], 0).toFixed(2);
  return [
    name,
    String(images),
    points(teacherTop1),
    points(teacherConfidence),
    gap('mean'),
    gap('variance'),
    intraClassDistance.toFixed(3),
    boundaryDistance.toFixed(3),
    points(nearRepeats),
  ];
}

import { UserError } from '../../../graph/errors.ts';
import type { FeatureName, Model } from '../../../models/index.ts';
import { withLabel } from '../../../graph/scope.ts';
import { shrink } from '../../../nn/shrink.ts';
import type { PlannedStage } from '../../plan/stages.ts';

/** What a student says of the image as a whole, however many of its places it has seen. */
const OF_THE_WHOLE: readonly FeatureName[] = ['logits', 'distLogits', 'pooled', 'embedding'];

/** Families whose networks take images of any size. */
const ANY_SIZE = ['vit', 'resnet', 'regnet'];

/** Less than this is no image; Our choice. */
const LEAST = 4;

/** The student as it sees smaller images than its own: the pixels of each batch are brought to that size in the step itself. */
export const seenAt = (student: Model, size: number | undefined): Model =>
  size === undefined || size === student.imageSize
    ? student
    : {
        ...student,
        build: (scope, pixels) =>
          student.build(
            scope,
            withLabel('shrink', () => shrink(pixels, size)),
          ),
      };

/**
 * Refuses what does not go with fewer places while training: smaller images (`stages[].imageSize`) and patches that are left out
 * (`student.settings.patchDropout`).
 * @throws UserError
 */
export function checkPlaces(stages: readonly PlannedStage[], student: Model): void {
  const dropped = Number(student.config.patchDropout ?? 0);
  stages.forEach((stage, i) => {
    if (stage.imageSize !== undefined) checkSize(`stages[${i}].imageSize`, stage.imageSize, student);
    if (dropped > 0) checkWhole(`student.settings.patchDropout ${dropped}`, stage, 'Set it 0');
    if (stage.imageSize !== undefined && stage.imageSize < student.imageSize)
      checkWhole(`stages[${i}].imageSize ${stage.imageSize}`, stage, 'Leave it out there');
  });
}

function checkSize(where: string, size: number, { family, imageSize, config }: Model): void {
  const least = Math.max(LEAST, Number(config.patchSize ?? LEAST));
  if (size > imageSize || size < least)
    throw new UserError(
      `${where}: wanted a side from ${least} to ${imageSize}, the student's own, got ${size}. Larger images are student.imageSize`,
    );
  if (size < imageSize && !ANY_SIZE.includes(family))
    throw new UserError(
      `${where}: wanted a student that takes images of any size (${ANY_SIZE.join(', ')}), got ${family}. Leave it out`,
    );
}

function checkWhole(where: string, { method, settings }: PlannedStage, remedy: string): void {
  const places = method.needs(settings).student.filter((name) => !OF_THE_WHOLE.includes(name));
  if (places.length > 0)
    throw new UserError(
      `${where}: wanted a method that reads the image as a whole, got ${method.name}, which reads the student's ${places.join(', ')} at all places. ${remedy}, or take kd, nkd, dkd or deit`,
    );
}

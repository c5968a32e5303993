import type { PlannedStage } from './stages.ts';

/**
 * Whether the stages of a run leave a student's classifier alone: no method of theirs reads its logits or learns from labels. It then
 * has none; a head that nothing trains would answer at random.
 */
export const headless = (stages: readonly PlannedStage[]): boolean =>
  stages.every(({ method, settings }) => {
    const { student, labels } = method.needs(settings);
    return (
      labels === 'none' && student.length > 0 && !student.some((name) => name === 'logits' || name === 'distLogits')
    );
  });

import type { EvaluationEvent, StepEvent } from '../events.ts';

/** Events for the tests of this folder; step S happens S seconds after 2026-05-01T12:00:00Z. */
export const startTime = Date.UTC(2026, 4, 1, 12);

export function step(at: number, changes: Partial<StepEvent> = {}): StepEvent {
  return {
    type: 'step',
    time: startTime + at * 1000,
    step: at,
    epoch: Math.ceil(at / 10),
    stage: 0,
    loss: 2.5,
    terms: { kd: 1.5, ce: 1 },
    lr: 1e-3,
    gradNorm: 1.25,
    imagesPerSec: 512.4,
    dataWait: 0.031,
    etaSeconds: 192,
    totalSteps: 100,
    ...changes,
  };
}

export function evaluation(at: number, changes: Partial<EvaluationEvent> = {}): EvaluationEvent {
  const metrics = { loss: 1.25, top1: 0.5 };
  return { type: 'evaluation', time: startTime + at * 1000, step: at, epoch: Math.ceil(at / 10), metrics, ...changes };
}

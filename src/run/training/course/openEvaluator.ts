import type { Platform } from '../../../host/host.ts';
import type { RunParts } from '../stage/spec.ts';
import type { Evaluator } from './evaluated.ts';
import { RunEvaluator } from './evaluator.ts';
import { FeatureEvaluator } from './featureEvaluator.ts';

/** What judges a run's student: its decisions, or without a classifier its embedding. */
export const openEvaluator = (parts: RunParts, platform: Platform, warn: (message: string) => void): Evaluator =>
  parts.student.classes === 0 ? new FeatureEvaluator(parts, platform) : new RunEvaluator(parts, platform, warn);

import type { Platform } from '../../host/host.ts';
import { collectParams } from '../../program/trainProgram.ts';
import { sizeOf } from '../../graph/shape.ts';
import { runCost } from '../training/prepare/budget.ts';
import { secondsOfRun } from '../training/prepare/epochsInTime.ts';
import { type RunParts, stageSpec } from '../training/stage/spec.ts';
import { decodedForecast } from '../training/prepare/decodedImagesNode.ts';
import type { Finding } from './finding.ts';

const MB = 1e6;
/** Metrics, logs, report: small beside the weights. */
const LOGS = 5 * MB;

/** What the run itself will take: a few updates of each stage and a part of an evaluation are timed. */
export async function forecast(parts: RunParts, platform: Platform): Promise<Finding[]> {
  const { config, settings, stages } = parts;
  // The doctor writes nothing, and so keeps no decoded images either.
  const writesNothing = config.data.cache === 'disk' ? 'memory' : config.data.cache;
  const timed = { ...parts, config: { ...config, data: { ...config.data, cache: writesNothing } } };
  const seconds = secondsOfRun(settings.train.epochs, await runCost(timed, platform));
  const memory = process.resourceUsage().maxRSS * 1024;
  const steps = stages.at(-1)!.to;
  const decoded = await decodedForecast(parts);
  return [
    {
      level: 'note',
      about: 'time',
      text: `about ${duration(seconds)} for ${settings.train.epochs} epochs (${steps} steps of ${settings.train.batch} images), measured on a few of them`,
    },
    {
      level: 'note',
      about: 'memory',
      text: `about ${megabytes(memory)} MB, and up to ${parts.config.data.cacheMB} MB of decoded images where there are many (data.cacheMB)`,
    },
    { level: 'note', about: 'disk', text: `about ${megabytes(diskOf(parts))} MB in the run folder` },
    ...(decoded ? [{ about: 'decoded images', ...decoded }] : []),
  ];
}

/** Checkpoints `last` and `best` (weights, two moments, and the average where one is kept), and the model as safetensors and ONNX. */
function diskOf(parts: RunParts): number {
  const params = collectParams(stageSpec(parts, parts.stages[0]!, {}));
  const all = params.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  const { name } = parts.settings.optim;
  const copies = (name === 'sgd' ? 2 : 3) + (parts.settings.train.ema === null ? 0 : 1);
  return 2 * copies * all + 2 * all + LOGS;
}

/** Two digits: more would be pretence. */
const megabytes = (bytes: number): string => String(Number((bytes / MB).toPrecision(2)));

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} minutes` : `${(seconds / 3600).toFixed(1)} hours`;
}

import { forecastUpdate, type Link, type MeasuredUpdate, mostThatPay, rankCounts } from '../../cluster/forecast.ts';
import { linkText } from '../../cluster/link.ts';
import type { Platform } from '../../host/host.ts';
import { collectParams } from '../../program/trainProgram.ts';
import { sizeOf } from '../../graph/shape.ts';
import { runCost } from '../training/prepare/budget.ts';
import { secondsOfRun } from '../training/prepare/epochsInTime.ts';
import { type RunParts, stageSpec, updatesPerEpoch } from '../training/stage/spec.ts';
import { decodedForecast } from '../training/prepare/decodedImagesNode.ts';
import type { Finding } from './finding.ts';

/** Ranks that a run is forecast for, and what may join their machines. */
export interface PlannedJob {
  readonly ranks: number;
  readonly links: readonly Link[];
}

const MB = 1e6;
/** Metrics, logs, report: small beside the weights. */
const LOGS = 5 * MB;

/** What the run itself will take: a few updates of each stage and a part of an evaluation are timed. */
export async function forecast(parts: RunParts, platform: Platform, job?: PlannedJob): Promise<Finding[]> {
  const { config, settings, stages } = parts;
  // The doctor writes nothing, and so keeps no decoded images either.
  const writesNothing = config.data.cache === 'disk' ? 'memory' : config.data.cache;
  const timed = { ...parts, config: { ...config, data: { ...config.data, cache: writesNothing } } };
  const cost = await runCost(timed, platform);
  const seconds = secondsOfRun(settings.train.epochs, cost);
  const memory = process.resourceUsage().maxRSS * 1024;
  const steps = stages.at(-1)!.to;
  const decoded = await decodedForecast(parts);
  return [
    {
      level: 'note',
      about: 'time',
      text: `about ${duration(seconds)} for ${settings.train.epochs} epochs (${steps} steps of ${settings.train.batch} images) of ${config.student.name}, measured on a few of them`,
    },
    {
      level: 'note',
      about: 'memory',
      text: `about ${megabytes(memory)} MB, and up to ${parts.config.data.cacheMB} MB of decoded images where there are many (data.cacheMB)`,
    },
    { level: 'note', about: 'disk', text: `about ${megabytes(diskOf(parts))} MB in the run folder` },
    ...(decoded ? [{ about: 'decoded images', ...decoded }] : []),
    ...(job ? rankFindings(parts, cost.epoch, job) : []),
  ];
}

/** The run on several machines like this one. */
function rankFindings(parts: RunParts, epoch: number, { ranks, links }: PlannedJob): Finding[] {
  const { accumulate, wire } = parts.settings.train;
  const params = collectParams(stageSpec(parts, parts.stages[0]!, {}));
  const update = {
    micro: epoch / updatesPerEpoch(parts) / accumulate,
    ...{ accumulate, wire },
    parameters: params.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  };
  const spare: Finding[] =
    accumulate >= ranks
      ? []
      : [
          {
            level: 'warning',
            about: 'ranks',
            text: `an update has ${accumulate} micro-batches (train.accumulate), so ${ranks} ranks cannot share it`,
            remedy: `--set train.accumulate=${ranks}, with train.batch so much smaller that an update has the images that you want`,
          },
        ];
  return [...spare, ...links.map((link) => rankFinding(update, ranks, link))];
}

function rankFinding(update: Required<MeasuredUpdate>, ranks: number, link: Link): Finding {
  const rows = rankCounts(update, ranks).map((count) => {
    const { seconds, waiting, bytes, speedUp } = forecastUpdate(update, count, link);
    const share = Math.round((100 * waiting) / seconds);
    return `${String(count).padStart(4)} ranks: ${seconds.toPrecision(3)} s an update, ${speedUp.toFixed(1)} times as fast, ${share} % of it waiting, ${megabytes(bytes)} MB sent by each`;
  });
  const most = mostThatPay(update, link, ranks);
  const end = most < (rankCounts(update, ranks).at(-1) ?? 1) ? `more than ${most} do not pay` : `all ${most} pay`;
  return {
    level: 'note',
    about: `ranks, ${linkText(link)}`,
    text: `machines like this one, a micro-batch in ${update.micro.toPrecision(3)} s here${update.wire === 'fp32' ? '' : `, gradients in ${update.wire}`}: ${end}\n${rows.join('\n')}`,
  };
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

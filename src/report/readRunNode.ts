import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readYaml } from '../config/yaml.ts';
import { UserError } from '../graph/errors.ts';
import { type MetricRow, parseMetricRows } from '../train/loggers/metricRow.ts';
import { type RunDetails, withFullNames } from './details.ts';
import { measureSpeed, type Speed } from './speedNode.ts';
import { thumbnails } from './thumbnailsNode.ts';

export interface HashedFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A run folder as a report shows it. */
export interface RunReport {
  readonly name: string;
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly configText: string;
  readonly rows: readonly MetricRow[];
  /** Null for a run without an evaluation so far. */
  readonly details: RunDetails | null;
  readonly hashes: readonly HashedFile[];
  /** Null where there is no exported student. */
  readonly speed: Speed | null;
  /** Seconds of training and evaluation, pauses left out; null for a run without steps. */
  readonly seconds: number | null;
}

/** With small copies of the images that the page shows, by path. */
export type RunPage = RunReport & { readonly thumbnails: ReadonlyMap<string, string> };

const HASHED = ['config.yaml', 'model/model.safetensors', 'model/onnx/model.onnx'];

/**
 * Reads all that a report shows of a run, and times its exported student.
 * @throws UserError if the folder is no run.
 */
export async function readRun(folder: string): Promise<RunPage> {
  const configPath = join(folder, 'config.yaml');
  const metricsPath = join(folder, 'metrics.jsonl');
  if (!existsSync(configPath) || !existsSync(metricsPath))
    throw new UserError(
      `${folder}: wanted a run folder (config.yaml and metrics.jsonl), got ${existsSync(folder) ? 'something without them' : 'nothing there'}`,
    );
  const configText = await readFile(configPath, 'utf8');
  const rows = await read(metricsPath, 'lines of JSON', parseMetricRows);
  const details = await readDetails(join(folder, 'evaluation.json'));
  const onnx = join(folder, 'model/onnx/model.onnx');
  return {
    name: basename(resolve(folder)),
    folder,
    config: readYaml(configText, configPath) as Record<string, unknown>,
    configText,
    rows,
    details,
    hashes: await hashesOf(folder),
    speed: details && existsSync(onnx) ? await measureSpeed(onnx, details.setup.imageSize) : null,
    seconds: activeSeconds(rows.map(({ time }) => time)),
    thumbnails: await thumbnails(details?.differing.map(({ path }) => path) ?? []),
  };
}

/** What a run's evaluation.json says; null where there is none. */
export async function readDetails(path: string): Promise<RunDetails | null> {
  if (!existsSync(path)) return null;
  const found = await read(path, 'JSON', (text) => JSON.parse(text) as Partial<RunDetails> | null);
  if (found?.version !== 1)
    throw new UserError(`${path}: wanted details of an evaluation of this version, got others; delete the file`);
  return withFullNames(found as RunDetails);
}

async function read<T>(path: string, wanted: string, parseText: (text: string) => T): Promise<T> {
  const text = await readFile(path, 'utf8');
  try {
    return parseText(text);
  } catch (error) {
    throw new UserError(`${path}: wanted ${wanted}, got: ${(error as Error).message.split('\n')[0]}`);
  }
}

async function hashesOf(folder: string): Promise<HashedFile[]> {
  const present = HASHED.filter((file) => existsSync(join(folder, file)));
  return Promise.all(
    present.map(async (file) => {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(join(folder, file))) hash.update(chunk as Buffer);
      return { file, bytes: statSync(join(folder, file)).size, sha256: hash.digest('hex') };
    }),
  );
}

/**
 * Time between lines of metrics.jsonl (milliseconds), without the gaps of a run that stood still before a resume.
 * Our choice: a gap is a pause where it is longer than ten minutes (an evaluation of many images) and than fifty usual ones.
 */
export function activeSeconds(times: readonly number[]): number | null {
  if (times.length === 0) return null;
  const gaps = times.slice(1).map((time, i) => Math.max(0, time - times[i]!));
  const usual = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  const pause = Math.max(600_000, 50 * usual);
  return gaps.reduce((sum, gap) => sum + (gap > pause ? 0 : gap), 0) / 1000;
}

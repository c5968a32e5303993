import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BestStep } from '../run/training/course/result.ts';
import { findFolder, writeFileAtomic } from '../formats/disk/atomicNode.ts';
import type { Lock } from '../formats/disk/lockNode.ts';
import type { Progress } from '../train/progress.ts';
import { parseCsv } from '../train/loggers/csvText.ts';
import { type MetricRow, parseMetricRows } from '../train/loggers/metricRow.ts';
import { packRight } from './tables/rightBits.ts';

/** What a finished run found. */
export interface Outcome {
  readonly steps: number;
  /** Metrics of the last evaluation, by full name. */
  readonly last: Readonly<Record<string, number>>;
  readonly best: BestStep | null;
  /** Images that went through the student in training, repeats counted. */
  readonly imagesSeen: number;
  /** Different training images. */
  readonly trainImages: number;
  readonly parameters: number;
  /** Whether the last evaluation was right on each validation image (tables/rightBits.ts); absent where that is not known. */
  readonly right?: string;
  /** Multiply-accumulates of one image; missing in records of older versions. */
  readonly macs?: number;
}

/** What the study knows of a run, beside the run's own folder. */
export interface RunRecord {
  readonly state: 'running' | 'done' | 'failed' | 'interrupted';
  /** Wall time of all parts before this state. */
  readonly seconds: number;
  /** Processor time of the same; missing where a part was killed, whose share nobody knows. */
  readonly cpuSeconds?: number;
  /** Milliseconds that the student takes for one image; missing where no report measured it. */
  readonly latencyMs?: number;
  /** When the part that is `running` began, milliseconds since 1970. */
  readonly startedAt?: number;
  readonly error?: string;
  readonly outcome?: Outcome;
}

/** The files of a study's runs; `key` is as in `PlannedRun`. */
export class RunRecords {
  readonly #out: string;

  constructor(out: string) {
    this.#out = out;
  }

  folder(key: string): string {
    return join(this.#out, key);
  }

  async read(key: string): Promise<RunRecord | undefined> {
    return readJson<RunRecord>(this.#path(key));
  }

  /** @throws InUse where the run's claim is another's by now */
  async write(key: string, record: RunRecord, claim?: Lock): Promise<void> {
    await writeFileAtomic(this.#path(key), `${JSON.stringify(record, null, 2)}\n`, { lock: claim });
  }

  /** The file by which a process has the run to itself. */
  claimPath(key: string): string {
    return join(this.#out, 'records', `${key}.lock`);
  }

  /** Steps of the last checkpoint; undefined where there is none. */
  async progress(key: string): Promise<Progress | undefined> {
    const last = await findFolder(join(this.folder(key), 'checkpoints/last'));
    return last === undefined ? undefined : readJson<Progress>(join(last, 'state.json'));
  }

  /** A finished run: its record says so, and its last checkpoint is that of its last step. */
  async finished(key: string): Promise<Outcome | undefined> {
    const record = await this.read(key);
    if (record?.state !== 'done' || !record.outcome) return undefined;
    return (await this.progress(key))?.step === record.outcome.steps ? record.outcome : undefined;
  }

  /** Seconds that a run has had so far; of a part that was killed, up to its last line in metrics.jsonl. */
  async secondsSoFar(key: string): Promise<number> {
    const record = await this.read(key);
    if (!record) return 0;
    // A number of cost alone: a damaged file must not stop the study here.
    const lastTime = (await this.metrics(key).catch(() => [])).at(-1)?.time;
    if (record.state !== 'running' || record.startedAt === undefined || lastTime === undefined) return record.seconds;
    return record.seconds + Math.max(0, lastTime - record.startedAt) / 1000;
  }

  /** Processor seconds that a run has had so far; undefined where a part was killed. */
  async cpuSoFar(key: string): Promise<number | undefined> {
    const record = await this.read(key);
    return record?.state === 'running' ? undefined : record?.cpuSeconds;
  }

  /** The metrics of the last evaluation, by full name. */
  async lastEvaluation(key: string): Promise<Record<string, number>> {
    const rows = (await this.metrics(key)).filter((row) => Object.keys(row).some((name) => /^val(_ema)?\//.test(name)));
    const step = rows.at(-1)?.step;
    const metrics = rows.filter((row) => row.step === step).flatMap((row) => Object.entries(row));
    return Object.fromEntries(
      metrics.filter((entry): entry is [string, number] => entry[0].includes('/') && typeof entry[1] === 'number'),
    );
  }

  /** From predictions.csv; undefined of images without labels and of runs without the file. */
  async right(key: string): Promise<string | undefined> {
    const path = join(this.folder(key), 'predictions.csv');
    if (!existsSync(path)) return undefined;
    const rows = parseCsv(await readFile(path, 'utf8')).slice(1);
    return rows.every(([, label]) => label !== '') ? packRight(rows.map((row) => row[1] === row[2])) : undefined;
  }

  async metrics(key: string): Promise<MetricRow[]> {
    const path = join(this.folder(key), 'metrics.jsonl');
    return existsSync(path) ? parseMetricRows(await readFile(path, 'utf8')) : [];
  }

  #path(key: string): string {
    return join(this.#out, 'records', `${key}.json`);
  }
}

/** A file of our own; undefined where it is missing or cut short. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

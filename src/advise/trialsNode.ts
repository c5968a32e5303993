import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunConfig } from '../config/schema.ts';
import { overlay, type Settings } from '../config/settings.ts';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { nodePlatform } from '../host/node/hostNode.ts';
import { rightImages } from '../run/evaluation/rightImages.ts';
import { loadModelReference } from '../run/models/reference.ts';
import { assemble, type RunInputs } from '../run/training/prepare/assemble.ts';
import { runCost } from '../run/training/prepare/budget.ts';
import { oneRun } from '../study/oneRun.ts';
import { type RunRecord, RunRecords, readJson } from '../study/recordsNode.ts';
import type { RunEvent } from '../train/events.ts';
import { unpackRight } from '../study/tables/rightBits.ts';
import { LAST } from '../train/runFolder.ts';
import { type Arm, configOf, inputsFor } from './arms.ts';
import { EpochTime } from './epochTime.ts';
import { type Cost, INNER, type Made, type Trial, type Trials } from './trials.ts';

export interface NodeTrialsOptions {
  /** Folder of the advice. */
  readonly out: string;
  /** What all arms share. */
  readonly base: Settings;
  readonly inputs: RunInputs;
  readonly metric: string;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

/** A run also weighs its terms, writes its files and draws its page. Our choice: half as much again. */
const FILES = 1.5;

/** Of this process, in seconds: all threads of the engine and of the loader. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Ordinary runs in ordinary run folders, made as those of a study are. */
export class NodeTrials implements Trials {
  readonly #options: NodeTrialsOptions;
  readonly #records: RunRecords;

  constructor(options: NodeTrialsOptions) {
    this.#options = options;
    this.#records = new RunRecords(options.out);
  }

  async cost(arm: Arm): Promise<Cost> {
    const began = { wall: performance.now() / 1000, cpu: cpuSeconds() };
    const { base, inputs } = this.#options;
    const config = configOf(base, arm);
    const parts = assemble(config, inputsFor(config, inputs));
    const platform = nodePlatform({ device: 'cpu', threads: config.train.threads });
    // The clock that counts is the processor's.
    const clock = { ...platform.clock, elapsed: () => cpuSeconds() * 1000 };
    const { once, epoch, evaluation } = await runCost(parts, { ...platform, clock });
    const seconds = performance.now() / 1000 - began.wall;
    await this.#addSpent(seconds);
    const wall = seconds / Math.max(1e-3, cpuSeconds() - began.cpu);
    return { epoch, rest: FILES * (once + evaluation), wall };
  }

  async make(trial: Trial): Promise<Made> {
    const { signal, onEvent } = this.#options;
    const held = await this.#records.read(trial.key);
    if (held && (await this.#records.finished(trial.key))) return this.#made(trial, held);
    if (signal?.aborted) return { state: 'interrupted' };
    const time = new EpochTime(cpuSeconds);
    const record = await oneRun(
      { key: trial.key, labels: {}, config: this.#config(trial) },
      this.#config(trial),
      this.#records,
      {
        ...(signal ? { signal } : {}),
        onEvent: (event) => {
          time.on(event);
          onEvent?.(event);
        },
      },
    );
    if (record.state === 'done') await this.#write(`${trial.key}.epoch`, time.perEpoch());
    return this.#made(trial, record);
  }

  async scores(trial: Trial): Promise<Float64Array> {
    const held = await readJson<(number | null)[]>(this.#path(`${trial.key}.scores`));
    if (held) return Float64Array.from(held, (value) => value ?? Number.NaN);
    const right = (await this.#records.read(trial.key))?.outcome?.right;
    const { val } = this.#options.inputs.data;
    const known = right === undefined || val.sets ? undefined : unpackRight(right);
    // The run's last evaluation said it, unless an image could not be read.
    if (known?.length === val.paths.length) return Float64Array.from(known);
    const began = performance.now();
    // The last weights: what stands in model/ is the best of several evaluations where a method has stages.
    const model = await loadModelReference(join(this.#records.folder(trial.key), LAST));
    const { engine } = nodePlatform({ device: 'cpu', threads: this.#config(trial).train.threads });
    const scores = await rightImages(model, val, engine);
    await this.#write(
      `${trial.key}.scores`,
      [...scores].map((value) => (Number.isNaN(value) ? null : value)),
    );
    await this.#addSpent((performance.now() - began) / 1000);
    return scores;
  }

  async spent(): Promise<number> {
    const folder = join(this.#options.out, 'records');
    const names = await readdir(folder, { recursive: true }).catch(() => [] as string[]);
    const keys = names.filter((name) => /-seed-?\d+\.json$/.test(name)).map((name) => name.slice(0, -'.json'.length));
    const seconds = await Promise.all(keys.map((key) => this.#records.secondsSoFar(key.replaceAll('\\', '/'))));
    return seconds.reduce((sum, one) => sum + one, (await readJson<number>(this.#path('besides'))) ?? 0);
  }

  /** One evaluation, at the end: nothing is chosen among the epochs. */
  #config({ arm, epochs, seed, images }: Trial): RunConfig {
    const run = {
      train: { epochs, seed, evalEvery: Math.ceil(epochs) },
      ...{ inner: { data: { innerFraction: INNER } }, choosing: { data: { valHalf: 'choose' } }, whole: {} }[images],
    };
    return configOf(overlay(this.#options.base, arm.settings), { settings: run });
  }

  async #made({ key }: Trial, record: RunRecord): Promise<Made> {
    if (record.state === 'interrupted') return { state: 'interrupted' };
    const score = record.outcome?.last[this.#options.metric];
    const { seconds } = record;
    if (score === undefined) return { state: 'failed', error: firstLine(record.error ?? 'no evaluation'), seconds };
    const epochCpu = (await readJson<number | null>(this.#path(`${key}.epoch`))) ?? null;
    return { state: 'done', score, seconds, cpuSeconds: record.cpuSeconds ?? null, epochCpu };
  }

  /** Probes and the judging of runs take time too. */
  async #addSpent(seconds: number): Promise<void> {
    await this.#write('besides', ((await readJson<number>(this.#path('besides'))) ?? 0) + seconds);
  }

  async #write(name: string, value: unknown): Promise<void> {
    await writeFileAtomic(this.#path(name), `${JSON.stringify(value)}\n`);
  }

  #path(name: string): string {
    return join(this.#options.out, 'records', `${name}.json`);
  }
}

const firstLine = (text: string): string => text.split('\n')[0]!;

import type { Host, Reported } from '../../../host/host.ts';
import { saveCheckpoint } from '../../../train/checkpoint.ts';
import type { Progress } from '../../../train/progress.ts';
import type { RunEvent, UnstampedEvent } from '../../../train/events.ts';
import type { Logger } from '../../../train/loggers/logger.ts';
import type { TrainState } from '../../../train/trainState.ts';
import { checkSameState } from '../stage/shares.ts';
import type { RunParts } from '../stage/spec.ts';
import { describe } from './saveModel.ts';

/** What a run tells and keeps: events to its logs and to whoever listens, checkpoints to its folder. */
export class RunRecord {
  readonly #host: Host;
  readonly #parts: RunParts;
  readonly #logger: Logger;
  readonly #onEvent: ((event: RunEvent) => void) | undefined;
  readonly #began: number;
  #saved: number;

  constructor(host: Host, parts: RunParts, logger: Logger, onEvent: ((event: RunEvent) => void) | undefined) {
    this.#host = host;
    this.#parts = parts;
    this.#logger = logger;
    this.#onEvent = onEvent;
    this.#began = host.clock.elapsed();
    this.#saved = this.#began;
  }

  readonly emit = (event: UnstampedEvent): void => {
    const stamped = { ...event, time: this.#host.clock.now() } as RunEvent;
    this.#logger.on(stamped);
    this.#onEvent?.(stamped);
  };

  readonly note = (message: string): void => this.emit({ type: 'note', message });

  /** Since the run began here. */
  seconds(): number {
    return (this.#host.clock.elapsed() - this.#began) / 1000;
  }

  /** Whether the last checkpoint is as old as `train.checkpointSeconds`. */
  saveDue(): boolean {
    return (this.#host.clock.elapsed() - this.#saved) / 1000 > this.#parts.settings.train.checkpointSeconds;
  }

  /** Writes a checkpoint; no checkpoint is ahead of the logs. */
  async save(kind: 'last' | 'best', progress: Progress, state: TrainState): Promise<void> {
    await this.#logger.flush();
    const path = `checkpoints/${kind}`;
    const saved = await saveCheckpoint(this.#host, path, describe(this.#parts), {
      progress,
      state: await state.read(),
    });
    await checkSameState(this.#host.ranks, saved, progress.step);
    if (kind === 'last') this.#saved = this.#host.clock.elapsed();
    this.emit({ type: 'checkpoint', step: progress.step, kind, path: `${this.#host.files.name}/${path}` });
  }

  flush(): Promise<void> {
    return this.#logger.flush();
  }

  /** Draws the page about the run and gives what it measured. What goes wrong here is told and no more: the run itself is whole. */
  async report(): Promise<Reported | undefined> {
    await this.#logger.flush();
    try {
      return await this.#host.report?.();
    } catch (error) {
      this.emit({ type: 'warning', message: `no report.html: ${(error as Error).message}` });
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#logger.close();
  }
}

import type { Engine } from '../../../engine/contract.ts';
import type { Lock } from '../../../formats/lockNode.ts';
import type { RunEvent } from '../../../train/events.ts';

/** How an assembled run is carried out. */
export interface ExecuteOptions {
  readonly engine: Engine;
  readonly computed: string;
  /** Of the run folder. */
  readonly lock: Lock;
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
}

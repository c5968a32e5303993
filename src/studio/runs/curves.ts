import type { Curve } from '../answers.ts';
import type { MetricRow } from '../../train/loggers/metricRow.ts';
import { type Cursor, follow, START } from './metricsFile.ts';
import { firstFrom, thin } from './thin.ts';

interface Points {
  readonly x: number[];
  readonly y: (number | null)[];
}

export interface Curves {
  /** Up to where the file was read: the stream goes on there. */
  readonly cursor: Cursor;
  readonly curves: Readonly<Record<string, Curve>>;
  readonly steps: number;
}

export interface CurveQuery {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Points of a curve at most. */
  readonly points: number;
}

const POSITION = new Set(['step', 'epoch', 'stage', 'time']);

/** The metrics of one run as columns; only what is new is read from its file. */
export class RunCurves {
  readonly #path: string;
  #cursor: Cursor = START;
  #columns = new Map<string, Points>();
  #steps = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async read({ from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, points }: CurveQuery): Promise<Curves> {
    this.#reading = this.#reading.then(() => this.#readOn());
    await this.#reading;
    const curves: Record<string, Curve> = {};
    for (const [name, { x, y }] of this.#columns)
      curves[name] = thin(x, y, points, firstFrom(x, from), firstFrom(x, to + 1));
    return { cursor: this.#cursor, curves, steps: this.#steps };
  }

  async #readOn(): Promise<void> {
    for (let more = true; more; ) {
      const next = await follow(this.#path, this.#cursor);
      if (next.anew) this.#columns = new Map();
      for (const row of next.rows) this.#add(row);
      this.#cursor = next.cursor;
      more = next.more;
    }
  }

  #add(row: MetricRow): void {
    this.#steps = row.step;
    for (const name in row) {
      if (POSITION.has(name)) continue;
      const column = this.#columns.get(name) ?? { x: [], y: [] };
      if (column.x.length === 0) this.#columns.set(name, column);
      column.x.push(row.step);
      column.y.push(row[name] ?? null);
    }
  }
}

/** The curves of the runs that were looked at last. */
export class CurveCache {
  readonly #most: number;
  readonly #runs = new Map<string, RunCurves>();

  constructor(most = 8) {
    this.#most = most;
  }

  of(path: string): RunCurves {
    const found = this.#runs.get(path) ?? new RunCurves(path);
    this.#runs.delete(path);
    this.#runs.set(path, found);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= this.#most) break;
      this.#runs.delete(oldest);
    }
    return found;
  }
}

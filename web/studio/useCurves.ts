import { useEffect, useRef, useState } from 'preact/hooks';
import type { CurvesAnswer } from '../../src/studio/answers.ts';
import type { Range } from '../ui/chart.tsx';
import { followRun } from './live.ts';
import { get } from './server.ts';

/** A metric of a run; new rows are added at its end. */
export interface LiveCurve {
  readonly x: number[];
  readonly y: (number | null)[];
  readonly low?: (number | null)[];
  readonly high?: (number | null)[];
}

export type LiveCurves = ReadonlyMap<string, LiveCurve>;

export interface RunsCurves {
  /** By run, in the order that was asked for; a run is missing while it is on its way. */
  readonly runs: ReadonlyMap<string, LiveCurves>;
  readonly error?: Error;
}

/** Rows that are added before the server is asked to thin the whole anew. */
const MOST_ADDED = 1500;
/** Milliseconds between two drawings of what comes in. */
const DRAWN_EVERY = 250;
const POSITION = new Set(['step', 'epoch', 'stage', 'time']);

/** The curves of runs, as they are and as they go on. */
export function useCurves(ids: readonly string[], range: Range | undefined): RunsCurves {
  const [, draw] = useState(0);
  const found = useRef<{ runs: Map<string, LiveCurves>; error?: Error }>({ runs: new Map() });
  const key = ids.join(',');
  const [from, to] = range ?? [];
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const changed = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        draw((count) => count + 1);
      }, DRAWN_EVERY);
    };
    const kept = found.current.runs;
    found.current = { runs: new Map(ids.flatMap((id) => (kept.has(id) ? [[id, kept.get(id)!]] : []))) };
    const stops = key
      .split(',')
      .filter(Boolean)
      .map((id) =>
        live(id, from === undefined || to === undefined ? '' : `&from=${from}&to=${to}`, (curves) => {
          if (curves instanceof Error) found.current.error = curves;
          else found.current.runs.set(id, curves);
          changed();
        }),
      );
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, [key, from, to]);
  return found.current;
}

/** Reads the curves of a run and follows it; `told` of each change. */
function live(id: string, query: string, told: (curves: LiveCurves | Error) => void): () => void {
  const controller = new AbortController();
  let unfollow: (() => void) | undefined;
  const load = async () => {
    const answer = await get<CurvesAnswer>(`/runs/${id}/curves?points=800${query}`, controller.signal);
    if (controller.signal.aborted) return;
    const curves = new Map(Object.entries(answer.curves) as [string, LiveCurve][]);
    let added = 0;
    unfollow?.();
    unfollow = followRun(id, answer.cursor, ({ anew, rows }) => {
      added += rows.length;
      if (anew || added > MOST_ADDED) return void load().catch(failed);
      for (const row of rows) add(curves, row);
      told(curves);
    });
    told(curves);
  };
  const failed = (error: Error) => {
    if (error.name !== 'AbortError') told(error);
  };
  load().catch(failed);
  return () => {
    controller.abort();
    unfollow?.();
  };
}

function add(curves: Map<string, LiveCurve>, row: Readonly<Record<string, number | null | undefined>>): void {
  for (const [name, value = null] of Object.entries(row)) {
    if (POSITION.has(name)) continue;
    const curve: LiveCurve = curves.get(name) ?? { x: [], y: [] };
    curves.set(name, curve);
    curve.x.push(row.step!);
    curve.y.push(value);
    curve.low?.push(value);
    curve.high?.push(value);
  }
}

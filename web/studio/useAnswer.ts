import { useEffect, useRef, useState } from 'preact/hooks';
import { lists } from './live.ts';
import { get } from './server.ts';

export interface Answer<T> {
  readonly value?: T;
  readonly error?: Error;
}

interface Options {
  /** Asks again whenever a list has changed. */
  readonly live?: boolean;
}

/** What the server answers on a path; the older value stays while a newer one is on its way. */
export function useAnswer<T>(path: string | null, { live = false }: Options = {}): Answer<T> {
  return useAsked(path ?? '', live ? lists.value : 0, () =>
    path === null ? new Promise<T>(() => undefined) : get<T>(path),
  );
}

/** Several answers together, in the order of their ids. */
export const useAll = <T>(ids: readonly string[], ask: (id: string) => Promise<T>): Answer<readonly T[]> =>
  useAsked(ids.join(','), lists.value, () => Promise.all(ids.map(ask)));

interface Kept<T> extends Answer<T> {
  readonly key: string;
  /** Which question it answers: an older one that comes late changes nothing. */
  readonly turn: number;
}

function useAsked<T>(key: string, version: number, ask: () => Promise<T>): Answer<T> {
  const [kept, keep] = useState<Kept<T>>({ key, turn: 0 });
  const turns = useRef(0);
  useEffect(() => {
    const turn = ++turns.current;
    const answered = (answer: Answer<T>) =>
      keep((before) =>
        before.turn > turn
          ? before
          : ({ ...(before.key === key ? before : {}), error: undefined, ...answer, key, turn } as Kept<T>),
      );
    ask().then(
      (value) => answered({ value }),
      (error: Error) => answered({ error }),
    );
  }, [key, version]);
  return kept.key === key ? kept : {};
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Handler } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Library } from './library/library.ts';
import { type Cursor, cursorText, follow, parseCursor, START } from './runs/metricsFile.ts';

/** Changes whenever the lists (runs, jobs) do: what a page has is then old. */
export interface ListsVersion {
  /** What there is, in which state, and how it was judged: told at once. */
  readonly what: string;
  /** With all else, as the steps of runs that go on: told now and then, since a page then asks for its lists anew. */
  readonly all: string;
}

export interface StreamOptions {
  readonly library: Library;
  readonly version: () => Promise<ListsVersion>;
  /** Streams at once; more are refused. */
  readonly most?: number;
  /** Milliseconds between looks. */
  readonly every?: number;
}

/** Runs followed by one page at most. */
const MOST_RUNS = 32;
const QUIET = 15_000;
/** Milliseconds between two tellings of lists in which only numbers have grown. */
const SLOW = 5000;
/** Share of a run's age that its page may be behind, and the most milliseconds of it. */
const [BEHIND, MOST_BEHIND] = [1 / 30, 5000];

/**
 * Server-sent events of one page: `rows` of the runs it names, `anew` where a run's file was begun anew, `lists` where any list changed.
 * The id of each event is where the page then stands, so that the browser's own reconnecting, and a reload, go on there: nothing twice,
 * nothing lost, also where the studio was started anew meanwhile.
 */
export function eventStream({ library, version, most = 24, every = 1000 }: StreamOptions): Handler {
  let open = 0;
  return (context) => {
    if (open >= most)
      return context.json({ error: `wanted at most ${most} streams at once; close other windows of the studio` }, 503);
    const cursors = parseCursors(context.req.header('last-event-id') ?? context.req.query('runs') ?? '');
    open++;
    return streamSSE(context, async (stream) => {
      try {
        // Whoever has gone before this line is known by the stream alone, and by the request.
        const gone = () => stream.aborted || stream.closed || context.req.raw.signal.aborted;
        await tell({ library, version, every }, stream, cursors, gone);
      } finally {
        open--;
      }
    });
  };
}

/** Milliseconds between two tellings of a run that is so many old. */
export const pace = (age: number): number => Math.min(MOST_BEHIND, Math.max(0, BEHIND * age));

/** `id:cursor,id:cursor` */
export const cursorsText = (cursors: ReadonlyMap<string, Cursor>): string =>
  [...cursors].map(([id, cursor]) => `${id}:${cursorText(cursor)}`).join(',');

export function parseCursors(text: string): Map<string, Cursor> {
  const parts = text.split(',').filter(Boolean).slice(0, MOST_RUNS);
  return new Map(
    parts.map((part) => {
      const [id = '', cursor = ''] = part.split(':');
      return [id, cursor === '' ? START : parseCursor(cursor)];
    }),
  );
}

async function tell(
  {
    library,
    version,
    every,
  }: { readonly library: Library; readonly version: () => Promise<ListsVersion>; readonly every: number },
  stream: SSEStreamingApi,
  cursors: Map<string, Cursor>,
  closed: () => boolean,
): Promise<void> {
  const due = new Map<string, number>();
  let known = await version();
  let last = performance.now();
  let listed = last;
  const send = async (event: string, data: unknown): Promise<void> => {
    last = performance.now();
    await stream.writeSSE({ event, data: JSON.stringify(data), id: cursorsText(cursors) });
  };
  // What the lists are now: a page that asked for them before the stream was there may have older ones.
  await send('hello', { lists: known.all });
  while (!closed()) {
    const now = await version();
    for (const id of cursors.keys()) {
      // What ended or was judged has told its last rows before the lists say so.
      if (now.what === known.what && performance.now() < (due.get(id) ?? 0)) continue;
      due.set(id, performance.now() + (await tellRun(library, id, cursors, send)));
    }
    if (now.what !== known.what || (now.all !== known.all && performance.now() - listed > SLOW)) {
      await send('lists', { lists: now.all });
      [known, listed] = [now, performance.now()];
    }
    if (performance.now() - last > QUIET) await send('quiet', {});
    await sleep(every);
  }
}

/**
 * Tells what is new of a run, and gives the milliseconds until it is worth looking again: a curve of minutes looks the same a second
 * later, and reading and drawing it takes time from the training beside it.
 */
async function tellRun(
  library: Library,
  id: string,
  cursors: Map<string, Cursor>,
  send: (event: string, data: unknown) => Promise<void>,
): Promise<number> {
  const path = await library
    .place('run', id)
    .then((place) => library.file(place, 'metrics.jsonl'))
    .catch(() => undefined);
  if (path === undefined) return 0;
  const since = cursors.get(id)!;
  const { rows, anew, cursor, more, born } = await follow(path, since);
  const wait = more ? 0 : pace(Date.now() - born);
  if (rows.length === 0 && !anew) return wait;
  cursors.set(id, cursor);
  // A page that has nothing of a file yet begins it; one that has another one's begins anew.
  await send(anew && since.file !== '' ? 'anew' : 'rows', { run: id, rows });
  return wait;
}

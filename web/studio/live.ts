import { signal } from '@preact/signals';
import type { RowsEvent } from '../../src/studio/answers.ts';

export type RunListener = (event: RowsEvent & { readonly anew: boolean }) => void;

interface Followed {
  cursor: string;
  readonly listeners: Set<RunListener>;
}

/** Counts up whenever a list of the server (runs, jobs) would look otherwise. */
export const lists = signal(0);
/** Whether the stream is there; null before the first try. */
export const connected = signal<boolean | null>(null);

/** The runs whose rows this page follows, and up to where it has them. */
const followed = new Map<string, Followed>();
let source: EventSource | undefined;
let planned = false;
/** Mark of the lists that this page has asked for last. */
let seen: string | undefined;
/** Milliseconds. */
const RETRY = 3000;

/** Follows a run from where its curves were read; gives what ends that. */
export function followRun(run: string, cursor: string, listener: RunListener): () => void {
  const found = followed.get(run) ?? { cursor, listeners: new Set() };
  found.listeners.add(listener);
  followed.set(run, found);
  reconnect();
  return () => {
    found.listeners.delete(listener);
    if (found.listeners.size === 0) followed.delete(run);
    reconnect();
  };
}

/** One stream for the page, made once for all changes of this moment. */
function reconnect(): void {
  if (planned) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    source?.close();
    // A browser has six connections to a server for all its windows together: one that nobody sees gives its own back.
    source = document.hidden ? undefined : open();
  }, 0);
}

function open(): EventSource {
  const runs = [...followed].map(([run, { cursor }]) => `${run}:${cursor}`).join(',');
  const stream = new EventSource(`/api/stream?runs=${encodeURIComponent(runs)}`);
  const told = (anew: boolean) => (event: MessageEvent<string>) => {
    keepCursors(event.lastEventId);
    const data = JSON.parse(event.data) as RowsEvent;
    for (const listener of followed.get(data.run)?.listeners ?? []) listener({ ...data, anew });
  };
  stream.addEventListener('rows', told(false));
  stream.addEventListener('anew', told(true));
  // What changed while nobody listened, or before, is not told again: the lists' own mark says so.
  const listed = ({ data }: MessageEvent<string>) => {
    const { lists: mark } = JSON.parse(data) as { lists: string };
    // A studio that was away may have refused a question meanwhile.
    if (mark !== seen || connected.value === false) lists.value++;
    seen = mark;
  };
  stream.addEventListener('hello', (event) => {
    listed(event);
    connected.value = true;
  });
  stream.addEventListener('lists', listed);
  stream.addEventListener('error', () => {
    connected.value = false;
    // Refused rather than broken off: the browser does not try again by itself.
    if (stream.readyState === EventSource.CLOSED && source === stream) setTimeout(reconnect, RETRY);
  });
  return stream;
}

/** `id:cursor,id:cursor`: what the browser would go on with is kept for a stream that we open ourselves, too. */
function keepCursors(id: string): void {
  for (const part of id.split(',')) {
    const at = part.indexOf(':');
    const found = followed.get(part.slice(0, at));
    if (found && at > 0) found.cursor = part.slice(at + 1);
  }
}

document.addEventListener('visibilitychange', () => {
  // What changed while it was hidden was not told.
  if (!document.hidden) lists.value++;
  reconnect();
});
reconnect();

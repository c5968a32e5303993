import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { Notice } from '../../ui/basics.tsx';
import { Waiting } from '../waiting.tsx';
import { Pieces } from './pieces.ts';
import { Scrolled } from './scrolled.ts';

export interface GridPicture {
  readonly key: number;
  /** Address of the picture. */
  readonly source: string;
  /** What opens when it is chosen. */
  readonly href: string;
  readonly name: string;
  /** Below the picture: a line or two. */
  readonly words: ComponentChildren;
  /** Below the words, not part of the link. */
  readonly extra?: ComponentChildren;
  readonly chosen: boolean;
}

interface GridProps<R> {
  /** Of the server, with filters; another path begins anew. */
  readonly path: string;
  readonly picture: (row: R, place: number) => GridPicture;
  /** Where nothing fits. */
  readonly none: ComponentChildren;
  readonly label: string;
  /** Beside other parts of a view: lower. */
  readonly short?: boolean;
  readonly extraHeight?: number;
}

const [CELL, GAP, WORDS, PADDING] = [120, 8, 44, 12];

/** Pictures of a list as long as it likes: only those in sight are in the page. */
export function PictureGrid<R>({ path, picture, none, label, short, extraHeight = 0 }: GridProps<R>) {
  const [, told] = useReducer((count: number, _: undefined) => count + 1, 0);
  const pieces = useMemo(() => new Pieces<R>(path, () => told(undefined)), [path]);
  const { place, width, height, scrolled } = useSeen(path);
  const columns = Math.max(2, Math.floor((width + GAP) / (CELL + GAP)));
  const side = Math.floor((width - GAP * (columns - 1)) / columns);
  const row = side + WORDS + GAP + extraHeight;
  pieces.at(0);
  const total = pieces.total;
  const rows = Math.ceil((total ?? 0) / columns);
  const seen = useMemo(() => new Scrolled(rows * row, height), [rows, row, height]);
  const top = seen.to(scrolled);
  const [first, last] = [Math.max(0, Math.floor(top / row) - 1), Math.min(rows, Math.ceil((top + height) / row) + 1)];
  const shown = Array.from({ length: Math.max(0, last - first) * columns }, (_, i) => first * columns + i);
  const kind = short ? 'pictures short' : 'pictures';
  // Until it is known how many there are, the place is as high as it may be: what is below does not jump.
  const style = total === undefined ? {} : { '--rows': `${Math.max(rows * row, CELL) + 2 * PADDING + 2}px` };
  if (pieces.error) return <Notice kind="bad">{pieces.error.message}</Notice>;
  if (total === 0) return <>{none}</>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class={kind} ref={place} tabIndex={0} aria-label={label} aria-busy={total === undefined} style={style}>
      {total === undefined && <Waiting what="Looking through the names…" />}
      <ul style={{ height: `${seen.height}px` }}>
        {shown.map((i) => {
          if (i >= (total ?? 0)) return null;
          const x = (i % columns) * (side + GAP);
          // Where the bar stands for more than its pixels, what is seen is laid out from where the bar is.
          const y = Math.floor(i / columns) * row - top + scrolled;
          const found = pieces.at(i);
          return <Cell key={i} x={x} y={y} side={side} of={found && picture(found, i)} place={i} total={total!} />;
        })}
      </ul>
    </section>
  );
}

function Cell({
  x,
  y,
  side,
  of,
  place,
  total,
}: {
  readonly x: number;
  readonly y: number;
  readonly side: number;
  readonly of: GridPicture | undefined;
  readonly place: number;
  readonly total: number;
}) {
  return (
    <li
      aria-setsize={total}
      aria-posinset={place + 1}
      style={{ width: `${side}px`, transform: `translate(${x}px, ${y}px)` }}
    >
      {of && (
        <a href={of.href} aria-current={of.chosen ? 'true' : undefined} title={of.name}>
          <Picture source={of.source} side={side} />
          <span class="words">{of.words}</span>
        </a>
      )}
      {of?.extra}
    </li>
  );
}

/** A picture, or why it is not one. */
export function Picture({
  source,
  side,
  alt = '',
}: {
  readonly source: string;
  readonly side?: number;
  readonly alt?: string;
}) {
  const [failed, setFailed] = useState('');
  useEffect(() => setFailed(''), [source]);
  const size = side === undefined ? {} : { width: `${side}px`, height: `${side}px` };
  if (failed) return <Broken source={source} size={size} />;
  return <img src={source} alt={alt} decoding="async" style={size} onError={() => setFailed(source)} />;
}

function Broken({ source, size }: { readonly source: string; readonly size: Readonly<Record<string, string>> }) {
  const [why, setWhy] = useState('This picture cannot be shown.');
  useEffect(() => {
    fetch(source)
      .then((answer) => answer.json())
      .then(({ error }: { error?: string }) => error && setWhy(error))
      .catch(() => undefined);
  }, [source]);
  return (
    <span class="broken small" style={size}>
      {why}
    </span>
  );
}

/** How large the list is on the screen, and where its bar stands. */
function useSeen(path: string) {
  const place = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState({ width: 0, height: 600 });
  const [scrolled, setScrolled] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = () => {
      const [width, height] = [element.clientWidth - 2 * PADDING, element.clientHeight];
      setSeen((before) => (before.width === width && before.height === height ? before : { width, height }));
    };
    const resized = new ResizeObserver(measure);
    resized.observe(element);
    measure();
    const scroll = () => setScrolled(element.scrollTop);
    element.addEventListener('scroll', scroll, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener('scroll', scroll);
    };
  });
  useEffect(() => {
    if (place.current) place.current.scrollTop = 0;
    setScrolled(0);
  }, [path]);
  return { place, ...seen, scrolled };
}

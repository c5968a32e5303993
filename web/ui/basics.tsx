import type { ComponentChildren } from 'preact';
import { Fragment } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

type Kind = 'plain' | 'primary' | 'quiet' | 'danger';

interface ButtonProps {
  readonly kind?: Kind;
  readonly onClick?: () => void;
  readonly disabled?: boolean;
  readonly submit?: boolean;
  /** What a screen reader says, where the words alone do not say it. */
  readonly label?: string;
  readonly pressed?: boolean;
  readonly children: ComponentChildren;
}

export const Button = ({ kind = 'plain', onClick, disabled, submit, label, pressed, children }: ButtonProps) => (
  <button
    type={submit ? 'submit' : 'button'}
    class={`button ${kind}`}
    onClick={onClick}
    disabled={disabled}
    aria-label={label}
    aria-pressed={pressed}
  >
    {children}
  </button>
);

export const LinkButton = ({
  href,
  kind = 'plain',
  children,
}: {
  readonly href: string;
  readonly kind?: Kind;
  readonly children: ComponentChildren;
}) => (
  <a class={`button ${kind}`} href={href}>
    {children}
  </a>
);

interface CardProps {
  readonly title?: string;
  /** At the right of the title. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export const Card = ({ title, aside, children }: CardProps) => (
  <section class="card" aria-label={title}>
    {(title || aside) && (
      <header>
        {title && <h2>{title}</h2>}
        {aside}
      </header>
    )}
    {children}
  </section>
);

/** Words in which `what stands so` is code. */
export const Words = ({ children }: { readonly children: string }) => (
  <>
    {children.split('`').map((part, i) => (
      <Fragment key={i}>{i % 2 === 1 ? <code>{part}</code> : part}</Fragment>
    ))}
  </>
);

/** Text of the server has code between backticks; markup stays as it is. */
const worded = (children: ComponentChildren): ComponentChildren =>
  typeof children === 'string' ? <Words>{children}</Words> : children;

/** Says what is missing here, and how it comes to be. */
export const Empty = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) => (
  <div class="empty">
    <h2>{title}</h2>
    {children}
  </div>
);

export const Notice = ({
  kind = 'info',
  title,
  children,
}: {
  readonly kind?: 'info' | 'good' | 'warn' | 'bad';
  readonly title?: string;
  readonly children?: ComponentChildren;
}) => (
  <div class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
    {title && <strong>{title}</strong>}
    {children && <div>{worded(children)}</div>}
  </div>
);

/** `of` null: it is not known how far it is. */
export const Progress = ({
  done,
  of,
  label,
}: {
  readonly done: number;
  readonly of: number | null;
  readonly label: string;
}) => {
  const share = of ? Math.min(1, done / of) : 0;
  return (
    <div
      class={`progress ${of === null ? 'unknown' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={of === null ? undefined : Math.round(100 * share)}
    >
      <div style={of === null ? undefined : { width: `${100 * share}%` }} />
    </div>
  );
};

export type StateName = 'running' | 'done' | 'failed' | 'interrupted' | 'queued';

const STATES: Readonly<Record<StateName, string>> = {
  running: 'running',
  done: 'finished',
  failed: 'failed',
  interrupted: 'stopped',
  queued: 'waiting',
};

/** @param words where the state has others here. */
export const State = ({ state, words = STATES[state] }: { readonly state: StateName; readonly words?: string }) => (
  <span class={`state ${state}`}>{words}</span>
);

/** Names with their values, the ones that are looked at first. */
export const Figures = ({
  of,
}: {
  readonly of: readonly (readonly [name: string, value: string, unit?: string | undefined])[];
}) => (
  <dl class="figures">
    {of.map(([name, value, unit]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>
          {value}
          {unit && <small>{unit}</small>}
        </dd>
      </div>
    ))}
  </dl>
);

/** A command line that does the same, to be copied. */
export const Command = ({
  line,
  label = 'The same on the command line',
}: {
  readonly line: string;
  readonly label?: string;
}) => {
  return (
    <div class="command">
      <code>
        <span class="hidden">{label}: </span>
        {line}
      </code>
      <Copy text={line} label={label} />
    </div>
  );
};

/** A program of some lines, to be copied. */
export const Code = ({ text, label }: { readonly text: string; readonly label: string }) => (
  <div class="command code">
    {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
    <section tabIndex={0} aria-label={label}>
      <pre>{text}</pre>
    </section>
    <Copy text={text} label={label} />
  </div>
);

function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const [said, setSaid] = useState('Copy');
  const copy = async () => {
    // Refused where the page is not in front, or the address is no safe one.
    setSaid(
      await navigator.clipboard.writeText(text).then(
        () => 'Copied',
        () => 'Not allowed',
      ),
    );
    setTimeout(() => setSaid('Copy'), 2000);
  };
  return (
    <Button kind="quiet" onClick={() => void copy()} label={`Copy: ${label}`}>
      {said}
    </Button>
  );
}

export interface Tab {
  readonly name: string;
  readonly href: string;
  readonly current: boolean;
}

/** Views of one thing, each with its own address. */
export function Tabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  const place = useCurrentInSight(tabs.find(({ current }) => current)?.href);
  return (
    <nav class="tabs" aria-label={label} ref={place}>
      {tabs.map(({ name, href, current }) => (
        <a key={href} href={href} aria-current={current ? 'page' : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}

/** On a narrow screen a row of links scrolls: the one that is shown must not lie beyond its edge. */
export function useCurrentInSight(current: string | undefined) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    const row = place.current;
    const link = row?.querySelector<HTMLElement>('[aria-current]');
    // The row alone: scrollIntoView would move the page too.
    if (row && link) row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
  }, [current]);
  return place;
}

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

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
    {children && <div>{children}</div>}
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

export const State = ({ state }: { readonly state: StateName }) => (
  <span class={`state ${state}`}>{STATES[state]}</span>
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
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(line);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="command">
      <code>
        <span class="hidden">{label}: </span>
        {line}
      </code>
      <Button kind="quiet" onClick={() => void copy()} label={`Copy: ${label}`}>
        {copied ? 'Copied' : 'Copy'}
      </Button>
    </div>
  );
};

export interface Tab {
  readonly name: string;
  readonly href: string;
  readonly current: boolean;
}

/** Views of one thing, each with its own address. */
export const Tabs = ({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) => (
  <nav class="tabs" aria-label={label}>
    {tabs.map(({ name, href, current }) => (
      <a key={href} href={href} aria-current={current ? 'page' : undefined}>
        {name}
      </a>
    ))}
  </nav>
);

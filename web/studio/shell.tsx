import type { ComponentChildren } from 'preact';
import type { About, JobView, Places, Runs } from '../../src/studio/answers.ts';
import { Notice, useCurrentInSight } from '../ui/basics.tsx';
import { ThemeSwitch } from '../ui/themeSwitch.tsx';
import { address } from './address.ts';
import { connected } from './live.ts';
import { useAnswer } from './useAnswer.ts';

/** The frame of every view: where one can go, and where the studio stands. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const about = useAnswer<About>('/about').value;
  return (
    <div class="shell">
      <a class="skip" href="#main">
        To the content
      </a>
      <header class="side">
        <a class="brand" href="/">
          <img src="/icon.svg" alt="" width="20" height="20" />
          Understudy
        </a>
        <Ways />
        <div class="foot">
          <span class="where">{about?.root}</span>
          <div class="row apart">
            <span class="where">{about && `version ${about.version}`}</span>
            <ThemeSwitch />
          </div>
        </div>
      </header>
      <main class="main" id="main" tabIndex={-1}>
        <div class="stack">
          {connected.value === false && (
            <Notice kind="warn" title="Not connected">
              The studio does not answer; this page tries again by itself. Runs go on without it. Was it ended?
              `understudy studio` starts it, and prints a new address.
            </Notice>
          )}
          {children}
        </div>
      </main>
    </div>
  );
}

function Ways() {
  const runs = useAnswer<Runs>('/runs', { live: true }).value?.runs;
  const jobs = useAnswer<{ jobs: readonly JobView[] }>('/jobs', { live: true }).value?.jobs;
  const places = useAnswer<Places>('/places', { live: true }).value;
  const active = jobs?.filter(({ state }) => state === 'running' || state === 'queued').length;
  const path = address.value.pathname;
  const way = (to: string, name: string, count?: number, own = path.startsWith(to)) => (
    <a key={to} href={to} aria-current={own ? 'page' : undefined}>
      {name}
      {count ? <span class="count">{count}</span> : null}
    </a>
  );
  return (
    <nav aria-label="Studio" ref={useCurrentInSight(path.split('/')[1])}>
      {way('/runs', 'Runs', runs?.length, path === '/' || path.startsWith('/runs'))}
      {way('/new', 'New run')}
      {way('/start', 'Other work')}
      {way('/jobs', 'Queue', active)}
      {way('/studies', 'Studies', places?.studies.length)}
      {way('/data', 'Data', places?.data.length)}
      {way('/sets', 'Made images', places?.sets.length)}
      {way('/models', 'Models', places?.models.length)}
      {way('/stores', 'Stores')}
    </nav>
  );
}

interface TopProps {
  readonly title: string;
  /** The views above this one. */
  readonly above?: readonly (readonly [name: string, href: string])[];
  readonly children?: ComponentChildren;
}

/** The title of a view, with what can be done here at its right. */
export function Top({ title, above = [], children }: TopProps) {
  document.title = `${title} · Understudy`;
  return (
    <div class="top">
      <div class="grow">
        {above.length > 0 && (
          <nav class="crumbs" aria-label="Above">
            {above.map(([name, href]) => (
              <span key={href}>
                <a href={href}>{name}</a> /{' '}
              </span>
            ))}
          </nav>
        )}
        <h1>{title}</h1>
      </div>
      <div class="row">{children}</div>
    </div>
  );
}

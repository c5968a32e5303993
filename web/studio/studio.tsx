import type { ComponentType } from 'preact';
import { Empty, LinkButton } from '../ui/basics.tsx';
import { address } from './address.ts';
import { Shell, Top } from './shell.tsx';
import { DataSetView } from './views/data.tsx';
import { CompareView } from './views/compare.tsx';
import { JobsView } from './views/jobs.tsx';
import { ModelView } from './views/model.tsx';
import { StoresView } from './views/stores.tsx';
import { NewRunView } from './views/newRun.tsx';
import { PlacesView } from './views/places.tsx';
import { RunView } from './views/run.tsx';
import { StudyView } from './views/study.tsx';
import { StartView } from './views/start.tsx';
import { SetView } from './views/set.tsx';
import { RunsView } from './views/runs.tsx';

/** What a view is told: the parts of its address that its pattern names. */
export interface ViewProps {
  readonly parts: Readonly<Record<string, string>>;
}

/** The first pattern that fits is shown: `:name` is a part of the path. */
const VIEWS: readonly (readonly [pattern: string, view: ComponentType<ViewProps>])[] = [
  ['/', RunsView],
  ['/runs', RunsView],
  ['/runs/:id', RunView],
  ['/runs/:id/:tab', RunView],
  ['/compare', CompareView],
  ['/new', NewRunView],
  ['/start', StartView],
  ['/start/:command', StartView],
  ['/jobs', JobsView],
  ['/jobs/:id', JobsView],
  ['/studies', PlacesView],
  ['/studies/:id', StudyView],
  ['/data', PlacesView],
  ['/models', PlacesView],
  ['/models/:id', ModelView],
  ['/models/:id/:tab', ModelView],
  ['/sets', PlacesView],
  ['/sets/:id', SetView],
  ['/stores', StoresView],
  ['/data/:id', DataSetView],
  ['/data/:id/:tab', DataSetView],
];

export function Studio() {
  const path = address.value.pathname;
  for (const [pattern, View] of VIEWS) {
    const parts = partsOf(pattern, path);
    if (parts)
      return (
        <Shell>
          <View key={pattern.startsWith('/runs/:id') ? parts.id : pattern} parts={parts} />
        </Shell>
      );
  }
  return (
    <Shell>
      <Top title="Nothing here" />
      <Empty title="There is no such view">
        <p>The address may be of an older studio.</p>
        <LinkButton href="/runs">All runs</LinkButton>
      </Empty>
    </Shell>
  );
}

export function partsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [names, given] = [pattern, path].map((text) => text.split('/').filter(Boolean)) as [string[], string[]];
  if (names.length !== given.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    if (name.startsWith(':')) parts[name.slice(1)] = decodeURIComponent(given[i]!);
    else if (name !== given[i]) return undefined;
  }
  return parts;
}

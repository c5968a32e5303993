import { useState } from 'preact/hooks';
import type { RunSummary, Runs } from '../../../src/studio/answers.ts';
import { Button, Command, Empty, LinkButton, Progress, State } from '../../ui/basics.tsx';
import { CheckField, TextField } from '../../ui/fields.tsx';
import { type Column, type Sort, Table } from '../../ui/table.tsx';
import { go, param, setParams } from '../address.ts';
import { ColumnChoice, useHidden } from '../columnChoice.tsx';
import { Top } from '../shell.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { ago, lastPart, measure, measured } from '../words.ts';

export function RunsView() {
  const answer = useAnswer<Runs>('/runs', { live: true });
  return (
    <>
      <Top title="Runs">
        <LinkButton href="/new" kind="primary">
          New run
        </LinkButton>
      </Top>
      <Answered answer={answer} waiting="Looking for runs…">
        {({ runs }) => (runs.length === 0 ? <NoRuns /> : <RunTable runs={runs} />)}
      </Answered>
    </>
  );
}

const NoRuns = () => (
  <Empty title="No runs yet">
    <p>
      A run trains a small student, from a bigger teacher or from labels alone. Those that you start here or on the
      command line, in this folder or below it, appear by themselves.
    </p>
    <LinkButton href="/new" kind="primary">
      Begin one in three steps
    </LinkButton>
    <Command line="understudy quickstart" label="Or see one on handwritten digits, in about two minutes" />
  </Empty>
);

function RunTable({ runs }: { readonly runs: readonly RunSummary[] }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [hidden, setHidden] = useHidden('runs', USUALLY_HIDDEN);
  const query = param('q') ?? '';
  const study = param('study');
  const shown = runs.filter((run) => (study === null || run.study === study) && fits(run, query));
  const choose = (id: string, on: boolean) =>
    setChosen(new Set(on ? [...chosen, id] : [...chosen].filter((one) => one !== id)));
  const columns = [pickColumn(chosen, choose), ...COLUMNS.filter(({ key }) => !hidden.has(key))];
  const sort: Sort = { key: param('sort') ?? 'changed', down: param('up') === null };
  return (
    <>
      <div class="row apart">
        <div class="row search">
          <div class="filter">
            <TextField
              label="Filter"
              type="search"
              placeholder="name, student, method, teacher, data"
              value={query}
              onInput={(q) => setParams({ q: q || null })}
            />
          </div>
          {study !== null && <Button onClick={() => setParams({ study: null })}>Of one study × show all</Button>}
        </div>
        <div class="row">
          <Button disabled={chosen.size < 2} onClick={() => go(`/compare?runs=${[...chosen].join(',')}`)}>
            {chosen.size < 2 ? 'Compare: choose two or more' : `Compare ${chosen.size}`}
          </Button>
          <ColumnChoice columns={COLUMNS} always="name" hidden={hidden} setHidden={setHidden} />
        </div>
      </div>
      {shown.length === 0 ? (
        <Empty title="No run fits the filter">
          <Button onClick={() => setParams({ q: null, study: null })}>Show all {runs.length}</Button>
        </Empty>
      ) : (
        <Table
          caption="Runs"
          columns={columns}
          rows={shown}
          keyOf={({ id }) => id}
          sort={sort}
          onSort={({ key, down }) => setParams({ sort: key, up: down ? null : '' })}
        />
      )}
    </>
  );
}

const fits = ({ name, student, method, teacher, data }: RunSummary, query: string): boolean => {
  const text = [name, student, method, teacher, data].join(' ').toLowerCase();
  return query
    .toLowerCase()
    .split(' ')
    .every((word) => text.includes(word));
};

const pickColumn = (chosen: ReadonlySet<string>, choose: (id: string, on: boolean) => void): Column<RunSummary> => ({
  key: 'pick',
  name: <span class="hidden">Choose</span>,
  cell: ({ id, name }) => (
    <CheckField
      label={<span class="hidden">Choose {name}</span>}
      checked={chosen.has(id)}
      onChange={(on) => choose(id, on)}
    />
  ),
});

const COLUMNS: readonly Column<RunSummary>[] = [
  {
    key: 'name',
    name: 'Run',
    by: ({ name }) => name,
    cell: ({ id, name }) => (
      <a class="name" href={`/runs/${id}`} title={name}>
        {lastPart(name)}
      </a>
    ),
  },
  {
    key: 'folder',
    name: 'Folder',
    by: ({ path }) => folderOf(path),
    cell: ({ path }) => (
      <span class="soft cut" title={path}>
        {folderOf(path)}
      </span>
    ),
  },
  { key: 'state', name: 'State', by: ({ state }) => state, cell: (run) => <StateCell run={run} /> },
  {
    key: 'best',
    name: 'Best',
    number: true,
    by: (run) => measured(run.best, run.judgedBy),
    cell: (run) => measure(run.best, run.judgedBy),
  },
  {
    key: 'last',
    name: 'Last',
    number: true,
    by: (run) => measured(run.last, run.judgedBy),
    cell: (run) => measure(run.last, run.judgedBy),
  },
  {
    key: 'judgedBy',
    name: 'Judged by',
    by: ({ judgedBy }) => judgedBy,
    cell: ({ judgedBy }) => <span class="soft">{judgedBy ?? '–'}</span>,
  },
  { key: 'student', name: 'Student', by: ({ student }) => student, cell: ({ student }) => student },
  { key: 'method', name: 'Method', by: ({ method }) => method, cell: ({ method }) => method },
  { key: 'teacher', name: 'Teacher', by: ({ teacher }) => teacher, cell: ({ teacher }) => <Path path={teacher} /> },
  { key: 'data', name: 'Data', by: ({ data }) => data, cell: ({ data }) => <Path path={data} /> },
  { key: 'epoch', name: 'Epoch', number: true, by: ({ epoch }) => epoch, cell: ({ epoch }) => String(epoch) },
  { key: 'step', name: 'Step', number: true, by: ({ step }) => step, cell: ({ step }) => String(step) },
  {
    key: 'speed',
    name: 'Images/s',
    number: true,
    by: ({ imagesPerSec }) => imagesPerSec,
    cell: ({ imagesPerSec }) => (imagesPerSec === null ? '–' : Math.round(imagesPerSec).toString()),
  },
  { key: 'seed', name: 'Seed', number: true, by: ({ seed }) => seed, cell: ({ seed }) => seed ?? '–' },
  {
    key: 'changed',
    name: 'Changed',
    number: true,
    by: ({ changed }) => changed,
    cell: ({ changed }) => <span class="soft">{ago(changed)}</span>,
  },
];

const USUALLY_HIDDEN = ['judgedBy', 'epoch', 'seed'];

const folderOf = (path: string): string => path.split('/').slice(0, -1).join('/');

const Path = ({ path }: { readonly path: string | null }) =>
  path === null ? <span class="soft">–</span> : <span title={path}>{lastPart(path)}</span>;

const StateCell = ({ run: { state, step, totalSteps, name } }: { readonly run: RunSummary }) => (
  <div class="stack tight">
    <State state={state} />
    {state === 'running' && <Progress done={step} of={totalSteps} label={`Progress of ${name}`} />}
  </div>
);

import { differences, valueAt } from '../../../src/config/settings.ts';
import type { RunAnswer, RunSummary } from '../../../src/studio/answers.ts';
import { Card, Empty, LinkButton, Tabs } from '../../ui/basics.tsx';
import { seriesColour } from '../../ui/chart.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { address, param } from '../address.ts';
import { RunCharts } from '../runCharts.tsx';
import { get } from '../server.ts';
import { Top } from '../shell.tsx';
import { useAll } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { measure, withoutCommon } from '../words.ts';

/** Several runs over each other: what differs in their settings, and their curves. */
export function CompareView() {
  const ids = (param('runs') ?? '').split(',').filter(Boolean).slice(0, 16);
  const answers = useAll(ids, (id) => get<RunAnswer>(`/runs/${id}`));
  const settings = param('show') === 'settings';
  const here = (show: string | null) => {
    const url = new URL(address.value);
    if (show === null) url.searchParams.delete('show');
    else url.searchParams.set('show', show);
    return url.pathname + url.search;
  };
  if (ids.length === 0)
    return (
      <>
        <Top title="Compare runs" above={[['Runs', '/runs']]} />
        <Empty title="No runs chosen">
          <p>Choose two or more in the table of runs.</p>
          <LinkButton href="/runs">All runs</LinkButton>
        </Empty>
      </>
    );
  return (
    <>
      <Top title={`${ids.length} runs compared`} above={[['Runs', '/runs']]} />
      <Answered answer={answers} waiting="Reading the runs…">
        {(found) => (
          <>
            <Compared runs={found.map(({ run }) => run)} />
            <Tabs
              label="What is compared"
              tabs={[
                { name: 'Curves', href: here(null), current: !settings },
                { name: 'Settings', href: here('settings'), current: settings },
              ]}
            />
            {settings ? <Differences answers={found} /> : <RunCharts runs={named(found)} />}
          </>
        )}
      </Answered>
    </>
  );
}

const named = (answers: readonly RunAnswer[]) => {
  const names = withoutCommon(answers.map(({ run }) => run.name));
  return answers.map(({ run: { id } }, i) => ({ id, name: names[i]! }));
};

const Compared = ({ runs }: { readonly runs: readonly RunSummary[] }) => (
  <Table
    caption="The runs that are compared"
    rows={runs.map((run, i) => ({ run, i }))}
    keyOf={({ run }) => run.id}
    columns={[
      {
        key: 'name',
        name: 'Run',
        cell: ({ run, i }) => (
          <span class="row">
            <span class="swatch" style={{ color: seriesColour(i) }} />
            <a href={`/runs/${run.id}`}>{run.name}</a>
          </span>
        ),
      },
      { key: 'best', name: 'Best', number: true, cell: ({ run }) => measure(run.best, run.judgedBy) },
      { key: 'at', name: 'At step', number: true, cell: ({ run }) => run.best?.step ?? '–' },
      { key: 'last', name: 'Last', number: true, cell: ({ run }) => measure(run.last, run.judgedBy) },
      { key: 'steps', name: 'Steps', number: true, cell: ({ run }) => run.step },
      { key: 'by', name: 'Judged by', cell: ({ run }) => <span class="soft">{run.judgedBy ?? '–'}</span> },
    ]}
  />
);

/** The settings in which not all are alike. */
function Differences({ answers }: { readonly answers: readonly RunAnswer[] }) {
  const [first, ...rest] = answers;
  const keys = [
    ...new Set(rest.flatMap(({ config }) => differences(first!.config, config).map(({ key }) => key))),
  ].sort();
  if (keys.length === 0) return <Empty title="All settings are alike" />;
  const columns: Column<string>[] = [
    { key: 'key', name: 'Setting', cell: (key) => <code>{key}</code> },
    ...answers.map(({ run, config }) => ({
      key: run.id,
      name: run.name,
      cell: (key: string) => <span class="break">{shown(valueAt(config, key))}</span>,
    })),
  ];
  return (
    <Card title={keys.length === 1 ? 'One setting differs' : `${keys.length} settings differ`}>
      <Table caption="Settings that differ" columns={columns} rows={keys} keyOf={(key) => key} />
    </Card>
  );
}

const shown = (value: unknown): string =>
  value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

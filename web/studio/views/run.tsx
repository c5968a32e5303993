import { quantity } from '../../../src/report/measures.ts';
import type { RunAnswer, RunSummary } from '../../../src/studio/answers.ts';
import { Card, Empty, Figures, LinkButton, Notice, Progress, State, Tabs } from '../../ui/basics.tsx';
import { Table } from '../../ui/table.tsx';
import { Confusion } from '../evaluation/confusion.tsx';
import { Differences } from '../evaluation/differences.tsx';
import { ModelParts } from '../models/modelParts.tsx';
import { RunCharts } from '../runCharts.tsx';
import { kindOf, RunActions } from '../runActions.tsx';
import { Top } from '../shell.tsx';
import { TryRun } from '../try/tryRun.tsx';
import type { ViewProps } from '../studio.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { duration, measure, secondsLeft } from '../words.ts';
import { ExportTab } from './exportTab.tsx';

const TABS = [
  ['', 'Curves'],
  ['confusion', 'Confusion'],
  ['pictures', 'Mistakes and labels'],
  ['try', 'Try it'],
  ['model', 'Model'],
  ['export', 'Export'],
  ['settings', 'Settings'],
  ['log', 'Log'],
] as const;

export function RunView({ parts: { id = '', tab = '' } }: ViewProps) {
  const answer = useAnswer<RunAnswer>(`/runs/${id}`, { live: true });
  return (
    <Answered answer={answer} waiting="Reading the run…">
      {(found) => (
        <>
          <Head run={found.run} />
          {tab === '' ? <Now {...found} /> : <Brief {...found} />}
          <Tabs
            label="Parts of the run"
            tabs={TABS.map(([path, name]) => ({
              name,
              href: `/runs/${id}${path && `/${path}`}`,
              current: tab === path,
            }))}
          />
          {tab === '' && <RunCharts runs={[{ id, name: found.run.name }]} />}
          {tab === 'confusion' && <Confusion run={found.run} />}
          {tab === 'pictures' && <Differences run={found.run} />}
          {tab === 'try' && <TryRun run={found.run} />}
          {tab === 'model' && (
            <ModelParts
              at={`/runs/${id}`}
              path={found.run.path}
              learned={`/runs/${id}/learned`}
              names={found.run.teacher === null ? ['student'] : ['student', 'teacher']}
            />
          )}
          {tab === 'export' && <ExportTab {...found} />}
          {tab === 'settings' && <Settings {...found} />}
          {tab === 'log' && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
            <pre class="log" tabIndex={0}>
              {found.log.join('\n') || 'Nothing is logged yet.'}
            </pre>
          )}
        </>
      )}
    </Answered>
  );
}

function Head({ run }: { readonly run: RunSummary }) {
  return (
    <Top title={run.name} above={[['Runs', '/runs']]}>
      <State state={run.state} />
      <LinkButton href={`/new?like=${run.id}`}>New run like this</LinkButton>
    </Top>
  );
}

/** What went wrong with the run, and how far it is. */
function Course({ run, log }: RunAnswer) {
  return (
    <>
      {run.damaged && (
        <Notice kind="bad" title="config.yaml cannot be read">
          {run.damaged}
        </Notice>
      )}
      {run.state === 'failed' && (
        <Notice kind="bad" title="The run failed">
          {log.findLast((line) => /failed after/.test(line)) ?? log.at(-1)}
        </Notice>
      )}
      {run.state === 'running' && <Progress done={run.step} of={run.totalSteps} label="Progress of the run" />}
    </>
  );
}

/** Above the parts of a run other than its curves: the same in one line. */
function Brief(found: RunAnswer) {
  const { run, setup } = found;
  const parts = [
    run.best && `best ${run.judgedBy} ${measure(run.best, run.judgedBy)}`,
    `step ${run.step}${run.totalSteps === null ? '' : ` of ${run.totalSteps}`}`,
    run.student,
    setup?.parameters && `${quantity(setup.parameters)} parameters`,
  ];
  return (
    <>
      <Course {...found} />
      <p class="soft">{parts.filter(Boolean).join(' · ')}</p>
    </>
  );
}

/** How far it is, how good, and what can be done to it. */
function Now(found: RunAnswer) {
  const { run, setup, saved } = found;
  const left = secondsLeft(run);
  const going = run.state === 'running';
  return (
    <>
      <Course {...found} />
      <Figures
        of={[
          [
            'Best',
            measure(run.best, run.judgedBy),
            run.best ? `${run.judgedBy}, step ${run.best.step}` : 'no evaluation yet',
          ],
          ['Last', measure(run.last, run.judgedBy), run.last ? `step ${run.last.step}` : undefined],
          ['Step', String(run.step), run.totalSteps === null ? undefined : `of ${run.totalSteps}`],
          ['Speed', run.imagesPerSec === null ? '–' : String(Math.round(run.imagesPerSec)), 'images/s'],
          going
            ? ['Left', duration(left)]
            : ['Parameters', setup?.parameters ? quantity(setup.parameters) : '–', run.student],
        ]}
      />
      <RunActions run={run} saved={saved} />
    </>
  );
}

function Settings({ setup, configText, run }: RunAnswer) {
  const choices = setup?.choices ?? [];
  return (
    <>
      {choices.length > 0 && (
        <Card title="Chosen by itself">
          <Table
            caption="Settings that were auto, what they became and why"
            rows={choices}
            keyOf={({ key }) => key}
            columns={[
              { key: 'key', name: 'Setting', cell: ({ key }) => <code>{key}</code> },
              { key: 'value', name: 'Value', cell: ({ value }) => String(value) },
              { key: 'reason', name: 'Why', cell: ({ reason }) => reason },
            ]}
          />
        </Card>
      )}
      <Card title="config.yaml">
        {configText === '' ? (
          <Empty title="Not written yet" />
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
          <pre class="log" tabIndex={0}>
            {configText}
          </pre>
        )}
        <p class="soft small">
          In {run.path}. <code>understudy {kindOf(run)} --config</code> takes it for another run.
        </p>
      </Card>
    </>
  );
}

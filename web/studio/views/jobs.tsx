import { useEffect, useState } from 'preact/hooks';
import type { JobAnswer, JobView, Kind } from '../../../src/studio/answers.ts';
import { Button, Card, Command, Empty, LinkButton, Notice, State } from '../../ui/basics.tsx';
import { Table } from '../../ui/table.tsx';
import { lists } from '../live.ts';
import { get, post } from '../server.ts';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { ago, duration, stateOfJob } from '../words.ts';

export function JobsView({ parts: { id } }: ViewProps) {
  return id === undefined ? <AllJobs /> : <OneJob id={id} />;
}

const seconds = ({ began, ended }: JobView): number | null =>
  began === undefined ? null : ((ended ?? Date.now()) - began) / 1000;

function AllJobs() {
  const answer = useAnswer<{ jobs: readonly JobView[] }>('/jobs', { live: true });
  return (
    <>
      <Top title="Queue">
        <LinkButton href="/new" kind="primary">
          New run
        </LinkButton>
      </Top>
      <Answered answer={answer} waiting="Looking at the queue…">
        {({ jobs }) =>
          jobs.length === 0 ? (
            <Empty title="Nothing was started here yet">
              <p>
                What you start in the studio runs as a command in a process of its own, one after the other. It goes on
                when the studio ends, and the next studio finds it here.
              </p>
            </Empty>
          ) : (
            <Table
              caption="Commands that were started here"
              rows={[...jobs].reverse()}
              keyOf={(job) => job.id}
              columns={[
                {
                  key: 'line',
                  name: 'Command',
                  cell: (job) => (
                    <a class="break" href={`/jobs/${job.id}`}>
                      {job.line}
                    </a>
                  ),
                },
                { key: 'state', name: 'State', cell: (job) => <State state={stateOfJob(job.state)} /> },
                { key: 'took', name: 'Took', number: true, cell: (job) => duration(seconds(job)) },
                {
                  key: 'created',
                  name: 'Asked for',
                  number: true,
                  cell: (job) => <span class="soft">{ago(job.created)}</span>,
                },
              ]}
            />
          )
        }
      </Answered>
    </>
  );
}

const NAMES: Readonly<Record<Kind, readonly [path: string, name: string]>> = {
  run: ['runs', 'Run'],
  study: ['studies', 'Study'],
  set: ['sets', 'Made images'],
  model: ['models', 'Model'],
  data: ['data', 'Images'],
};

function OneJob({ id }: { readonly id: string }) {
  const [found, setFound] = useState<JobAnswer | null>(null);
  const [error, setError] = useState('');
  const version = lists.value;
  useEffect(() => {
    const look = () => get<JobAnswer>(`/jobs/${id}`).then(setFound, (refused: Error) => setError(refused.message));
    void look();
    // Its words are in a file that nobody announces.
    const timer = setInterval(() => void look(), 2000);
    return () => clearInterval(timer);
  }, [id, version]);
  const stop = () =>
    void post(`/jobs/${id}/stop`).then(
      () => lists.value++,
      (refused: Error) => setError(refused.message),
    );
  return (
    <>
      <Top title="Command" above={[['Queue', '/jobs']]}>
        {found && <State state={stateOfJob(found.job.state)} />}
        {found && ['queued', 'running'].includes(found.job.state) && (
          <Button onClick={stop}>{found.job.state === 'queued' ? 'Take it out' : 'Stop and save'}</Button>
        )}
      </Top>
      {error && <Notice kind="bad">{error}</Notice>}
      {found && (
        <>
          <Command line={found.job.line} />
          {found.job.state === 'failed' && (
            <Notice kind="bad" title="It failed">
              Why is in its last words below. Mend that, and start it again.
            </Notice>
          )}
          {found.places.length > 0 && (
            <p>
              {found.places.map(({ id, kind, name }) => (
                <span key={id}>
                  {NAMES[kind][1]} <a href={`/${NAMES[kind][0]}/${id}`}>{name}</a>{' '}
                </span>
              ))}
            </p>
          )}
          <Card title="What it says">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
            <pre class="log" tabIndex={0}>
              {found.output || (found.job.state === 'queued' ? 'It waits for the command before it.' : 'Nothing yet.')}
            </pre>
          </Card>
        </>
      )}
    </>
  );
}

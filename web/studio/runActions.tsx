import { useEffect, useState } from 'preact/hooks';
import type { RunSummary, Saved } from '../../src/studio/answers.ts';
import { Button, Command, Notice } from '../ui/basics.tsx';
import { lists } from './live.ts';
import { post } from './server.ts';
import { ago, shellPath } from './words.ts';

type Wish = 'save' | 'stop' | 'finish';

export const kindOf = ({ teacher }: RunSummary): string => (teacher === null ? 'train' : 'distill');

/** What can be done to a run, each beside the command line that does the same. */
export function RunActions({ run, saved }: { readonly run: RunSummary; readonly saved: Saved | null }) {
  const path = shellPath(run.path);
  const resume = { command: kindOf(run), flags: { resume: true, out: run.path || '.' } };
  if (run.state === 'running') return <Running run={run} saved={saved} />;
  if (run.state === 'done') return <Command line={`understudy report ${path}`} />;
  return (
    <div class="actions">
      <Action
        name="Go on"
        primary
        line={`understudy ${kindOf(run)} --resume --out ${path}`}
        act={() => post('/jobs', resume)}
      />
      {saved && (
        <p class="soft small">
          From step {saved.step}, saved {ago(saved.time)}.
        </p>
      )}
    </div>
  );
}

function Running({ run, saved }: { readonly run: RunSummary; readonly saved: Saved | null }) {
  const [asked, setAsked] = useState<{ readonly what: Wish; readonly since: number } | null>(null);
  const [sure, setSure] = useState(false);
  const since = saved?.time ?? 0;
  // A new checkpoint is the answer to "save"; the other two end the run.
  useEffect(() => {
    if (asked?.what === 'save' && since !== asked.since) setAsked(null);
  }, [since]);
  const tell = (what: Wish) => () =>
    post(`/runs/${run.id}/tell`, { what }).then(() => {
      setAsked({ what, since });
      setSure(false);
    });
  const line = (what: Wish) => `understudy tell ${shellPath(run.path)} ${what}`;
  return (
    <div class="actions">
      <Action name="Save now" line={line('save')} act={tell('save')} />
      <Action name="Stop and save" line={line('stop')} act={tell('stop')} />
      {sure ? (
        <>
          <Action name="Evaluate and finish" line={line('finish')} act={tell('finish')} />
          <p class="small">
            It is evaluated once more and is then finished: the steps that are left are never made.{' '}
            <Button kind="quiet" onClick={() => setSure(false)}>
              Let it go on
            </Button>
          </p>
        </>
      ) : (
        <Action name="Finish early…" line={line('finish')} act={async () => setSure(true)} />
      )}
      <p class="soft small" role="status">
        {asked ? DOING[asked.what] : saved ? `Saved at step ${saved.step}, ${ago(saved.time)}.` : 'Not saved yet.'}
      </p>
    </div>
  );
}

const DOING: Readonly<Record<Wish, string>> = {
  save: 'Asked: it saves after this step, and goes on.',
  stop: 'Asked: it saves after this step, and ends.',
  finish: 'Asked: it evaluates after this step, and is finished.',
};

interface ActionProps {
  readonly name: string;
  readonly line: string;
  readonly primary?: boolean;
  readonly act: () => Promise<unknown>;
}

/** A button, what it does on the command line, and what went wrong. */
export function Action({ name, line, primary, act }: ActionProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const go = () => {
    setBusy(true);
    setError('');
    act()
      .then(() => lists.value++)
      .catch((refused: Error) => setError(refused.message))
      .finally(() => setBusy(false));
  };
  return (
    <>
      <div class="action">
        <Button kind={primary ? 'primary' : 'plain'} onClick={go} disabled={busy}>
          {name}
        </Button>
        <Command line={line} label={`${name}, on the command line`} />
      </div>
      {error && <Notice kind="bad">{error}</Notice>}
    </>
  );
}

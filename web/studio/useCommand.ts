import { useEffect, useState } from 'preact/hooks';
import type { CommandRequest } from '../../src/studio/jobs/commandLine.ts';
import type { JobView } from '../../src/studio/answers.ts';
import { lists } from './live.ts';
import { post } from './server.ts';

export interface ReadyCommand {
  /** As a person would type it; '' while it cannot be started. */
  readonly line: string;
  /** Why it cannot, or why it was refused. */
  readonly error: string;
  readonly busy: boolean;
  /** Puts it into the queue. */
  readonly start: () => void;
}

/** A command that a view offers: its line, held to what the command line takes, and its start. Null: not yet whole. */
export function useCommand(
  request: CommandRequest | null,
  started: (job: JobView) => void = () => undefined,
): ReadyCommand {
  const [checked, setChecked] = useState({ line: '', error: '' });
  const [refused, setRefused] = useState('');
  const [busy, setBusy] = useState(false);
  const asked = request && JSON.stringify(request);
  useEffect(() => {
    setRefused('');
    if (asked === null) return setChecked({ line: '', error: '' });
    let left = false;
    const found = (line: string, error: string) => {
      if (!left) setChecked({ line, error });
    };
    post<{ line: string }>('/jobs/line', JSON.parse(asked)).then(
      ({ line }) => found(line, ''),
      (error: Error) => found('', error.message),
    );
    return () => {
      left = true;
    };
  }, [asked]);
  const start = () => {
    setBusy(true);
    post<{ job: JobView }>('/jobs', JSON.parse(asked!))
      .then(({ job }) => {
        lists.value++;
        started(job);
      })
      .catch((error: Error) => setRefused(error.message))
      .finally(() => setBusy(false));
  };
  return { line: checked.line, error: refused || checked.error, busy, start };
}

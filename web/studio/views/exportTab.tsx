import { useEffect, useState } from 'preact/hooks';
import type { JobView, RunSummary } from '../../../src/studio/answers.ts';
import { Button, Card, Command, Empty, Notice } from '../../ui/basics.tsx';
import { CheckField, TextField } from '../../ui/fields.tsx';
import { go, param, setParams } from '../address.ts';
import { lists } from '../live.ts';
import { post } from '../server.ts';
import { lastPart } from '../words.ts';

/** The files of an export and what each is for, as `understudy export --help` has them. */
const FILES = [
  ['fp32', 'fp32: float32, for Node and any ONNX runtime'],
  ['fp16', 'fp16: half the size, for WebGPU'],
  ['q8', 'q8: 8-bit weights, a quarter of the size; what transformers.js takes on WASM by default'],
] as const;

/** Takes the student away: the command that writes it, each file checked before anything is written. */
export function ExportTab({ run }: { readonly run: RunSummary }) {
  const out = param('out') ?? `${lastPart(run.path) || 'student'}-model`;
  const dtypes = (param('dtype') ?? 'fp32').split(',').filter(Boolean);
  const onData = param('check') !== 'noise';
  const flags = { out, dtype: dtypes.join(','), ...(onData ? { data: run.data } : {}) };
  const request = JSON.stringify({ command: 'export', positionals: [run.path || '.'], flags });
  const { line, error } = useLine(request, dtypes.length > 0 && out !== '');
  const [refused, setRefused] = useState('');
  const start = () =>
    void post<{ job: JobView }>('/jobs', JSON.parse(request)).then(
      ({ job }) => {
        lists.value++;
        go(`/jobs/${job.id}`);
      },
      (failed: Error) => setRefused(failed.message),
    );
  if (run.best === null)
    return (
      <Empty title="Nothing to take away yet">
        <p>The best student is kept from the first evaluation on.</p>
      </Empty>
    );
  const turn = (dtype: string, on: boolean) => {
    const next = on ? [...dtypes, dtype] : dtypes.filter((one) => one !== dtype);
    setParams({ dtype: next.join(',') });
  };
  return (
    <Card title="Take the student away">
      <p class="soft">
        An export is a folder for Node, transformers.js and any ONNX runtime, with a model card. Each file is run and
        compared with the student itself before it is written; a file that does not agree is an error, and nothing is
        written.
      </p>
      <TextField
        label="Folder"
        value={out}
        onInput={(text) => setParams({ out: text })}
        help="New or empty, seen from the studio's folder."
      />
      <fieldset class="stack tight group">
        <legend>Files</legend>
        {FILES.map(([dtype, words]) => (
          <CheckField key={dtype} label={words} checked={dtypes.includes(dtype)} onChange={(on) => turn(dtype, on)} />
        ))}
      </fieldset>
      <CheckField
        label={`Check each file on up to 200 images of ${run.data} too, which also measures its accuracy`}
        checked={onData}
        onChange={(on) => setParams({ check: on ? null : 'noise' })}
      />
      {line && <Command line={line} />}
      {(error || refused) && <Notice kind="bad">{error || refused}</Notice>}
      <div class="row end">
        <Button kind="primary" onClick={start} disabled={line === ''}>
          Export
        </Button>
      </div>
    </Card>
  );
}

/** The command line that a request is; '' while it is none. */
function useLine(request: string, whole: boolean): { readonly line: string; readonly error: string } {
  const [found, setFound] = useState({ line: '', error: '' });
  useEffect(() => {
    if (!whole) return setFound({ line: '', error: 'Wanted a folder and at least one file.' });
    let left = false;
    post<{ line: string }>('/jobs/line', JSON.parse(request)).then(
      ({ line }) => {
        if (!left) setFound({ line, error: '' });
      },
      (refused: Error) => {
        if (!left) setFound({ line: '', error: refused.message });
      },
    );
    return () => {
      left = true;
    };
  }, [request, whole]);
  return found;
}

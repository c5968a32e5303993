import type { JobView, Places, RunAnswer } from '../../../src/studio/answers.ts';
import { Button, Card, Command, Empty, LinkButton, Notice, State } from '../../ui/basics.tsx';
import { CheckField, TextField } from '../../ui/fields.tsx';
import { bytes } from '../../tab/words.ts';
import { param, setParams } from '../address.ts';
import { TakeAway } from '../models/takeAway.tsx';
import { useAnswer } from '../useAnswer.ts';
import { useCommand } from '../useCommand.ts';
import { lastPart, stateOfJob } from '../words.ts';

/** The files of an export, bytes a parameter, and what each is for, as `understudy export --help` has them. */
const FILES = [
  ['fp32', 4, 'float32, for Node and any ONNX runtime'],
  ['fp16', 2, 'half the size, for WebGPU'],
  ['q8', 1, '8-bit weights; what transformers.js takes on WASM by default'],
] as const;

/** Takes the student away: the command that writes the folder, each file checked before that; then what is in it. */
export function ExportTab({ run, setup }: Pick<RunAnswer, 'run' | 'setup'>) {
  const models = useAnswer<Places>('/places', { live: true }).value?.models;
  const out = param('out') ?? `${lastPart(run.path) || 'student'}-model`;
  const there = models?.find(({ path }) => path === out.replace(/^\.\/|\/$/g, ''));
  if (run.best === null)
    return (
      <Empty title="Nothing to take away yet">
        <p>The best student is kept from the first evaluation on.</p>
      </Empty>
    );
  return (
    <>
      <Form run={run} setup={setup} out={out} there={there !== undefined} />
      {there && <TakeAway model={there} />}
    </>
  );
}

interface FormProps extends Pick<RunAnswer, 'run' | 'setup'> {
  readonly out: string;
  /** An export lies there. */
  readonly there: boolean;
}

function Form({ run, setup, out, there }: FormProps) {
  const dtypes = (param('dtype') ?? 'fp32').split(',').filter(Boolean);
  const onData = param('check') !== 'noise';
  const whole = dtypes.length > 0 && out !== '';
  const { line, error, start, busy } = useCommand(
    whole
      ? {
          command: 'export',
          positionals: [run.path || '.'],
          flags: {
            out,
            dtype: dtypes.join(','),
            ...(onData ? { data: run.data } : {}),
            ...(there ? { force: true } : {}),
          },
        }
      : null,
    (job) => setParams({ job: job.id }),
  );
  const turn = (dtype: string, on: boolean) => {
    const next = on ? [...dtypes, dtype] : dtypes.filter((one) => one !== dtype);
    setParams({ dtype: next.join(',') });
  };
  const about = (each: number): string => (setup?.parameters ? `, from ${bytes(each * setup.parameters)}` : '');
  return (
    <Card title="Take the student away">
      <p class="soft measure">
        An export is a folder for Node, transformers.js and any ONNX runtime, with a model card. Each file is run and
        compared with the student itself before it is written; a file that does not agree is an error, and nothing is
        written.
      </p>
      <div class="form">
        <TextField
          label="Folder"
          value={out}
          onInput={(text) => setParams({ out: text })}
          help={there ? 'An export lies there: it is replaced.' : 'New or empty, seen from the studio’s folder.'}
        />
        <fieldset class="stack tight group">
          <legend>Files</legend>
          {FILES.map(([dtype, each, words]) => (
            <CheckField
              key={dtype}
              label={`${dtype}: ${words}${about(each)}`}
              checked={dtypes.includes(dtype)}
              onChange={(on) => turn(dtype, on)}
            />
          ))}
        </fieldset>
      </div>
      <CheckField
        label={`Check each file on up to 200 pictures of ${run.data} too, which also measures its accuracy`}
        checked={onData}
        onChange={(on) => setParams({ check: on ? null : 'noise' })}
      />
      {line && <Command line={line} />}
      {!whole && <Notice kind="warn">Name a folder, and choose at least one file.</Notice>}
      {error && <Notice kind="bad">{error}</Notice>}
      <Progress />
      <div class="row end">
        <Button kind={there ? 'plain' : 'primary'} onClick={start} disabled={line === '' || busy}>
          {there ? 'Export again' : 'Export'}
        </Button>
      </div>
    </Card>
  );
}

/** The export that was begun here: how it goes, and what it said where it failed. */
function Progress() {
  const id = param('job');
  const answer = useAnswer<{ job: JobView; output: string }>(id === null ? null : `/jobs/${id}`, { live: true });
  if (!answer.value) return null;
  const { job, output } = answer.value;
  if (job.state === 'failed')
    return (
      <Notice kind="bad" title="Nothing was written">
        {output.trim().split('\n').at(-1)}
      </Notice>
    );
  return (
    <div class="row">
      <State state={stateOfJob(job.state)} />
      <LinkButton kind="quiet" href={`/jobs/${job.id}`}>
        What it says
      </LinkButton>
    </div>
  );
}

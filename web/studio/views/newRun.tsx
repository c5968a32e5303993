import { useEffect, useState } from 'preact/hooks';
import { quantity } from '../../../src/report/measures.ts';
import type { DoctorAnswer, Form, JobView, Places, RunAnswer, Runs } from '../../../src/studio/answers.ts';
import { Button, Card, Command, Empty, LinkButton, Notice, Tabs } from '../../ui/basics.tsx';
import { SelectField, TextField } from '../../ui/fields.tsx';
import { address, go, param, setParams } from '../address.ts';
import { Findings } from '../findings.tsx';
import { lists } from '../live.ts';
import { requestOf, type Wanted, wantedIn, wantedLike } from '../newRun.ts';
import { get, post } from '../server.ts';
import { SettingFields } from '../settingFields.tsx';
import { Top } from '../shell.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

const STEPS = [
  ['data', '1 · Data'],
  ['teacher', '2 · Teacher'],
  ['goal', '3 · Student and goal'],
] as const;

/** A new run in three steps. What is filled in stands in the address, so that it can be sent and survives a reload. */
export function NewRunView() {
  const form = useAnswer<Form>('/form');
  const places = useAnswer<Places>('/places');
  const runs = useAnswer<Runs>('/runs');
  useLike();
  const step = param('step') ?? 'data';
  const wanted = wantedIn(address.value.searchParams);
  const at = (name: string) => {
    const url = new URL(address.value);
    url.searchParams.set('step', name);
    return url.pathname + url.search;
  };
  const next = STEPS[STEPS.findIndex(([name]) => name === step) + 1];
  return (
    <>
      <Top title="New run" above={[['Runs', '/runs']]} />
      <Tabs
        label="Steps"
        tabs={STEPS.map(([name, title]) => ({ name: title, href: at(name), current: step === name }))}
      />
      <Answered answer={form} waiting="Reading what can be set…">
        {(found) => (
          <>
            {step === 'data' && <DataStep form={found} wanted={wanted} places={places.value} />}
            {step === 'teacher' && <TeacherStep form={found} wanted={wanted} runs={runs.value} places={places.value} />}
            {step === 'goal' && <GoalStep form={found} wanted={wanted} />}
            {next ? (
              <div class="row end">
                <LinkButton href={at(next[0])} kind="primary">
                  On to: {next[1].slice(4)}
                </LinkButton>
              </div>
            ) : (
              <Start wanted={wanted} />
            )}
          </>
        )}
      </Answered>
    </>
  );
}

/** `?like=RUN`: the settings of that run are filled in once. */
function useLike(): void {
  const like = param('like');
  useEffect(() => {
    if (like === null) return;
    void get<RunAnswer>(`/runs/${like}`).then(({ config }) => {
      const { data, teacher, student, method, set } = wantedLike(config);
      setParams({ like: null, data, teacher, student, method, set: set.length > 0 ? JSON.stringify(set) : null });
    });
  }, [like]);
}

interface StepProps {
  readonly form: Form;
  readonly wanted: Wanted;
}

function DataStep({ form, wanted, places }: StepProps & { readonly places: Places | undefined }) {
  return (
    <>
      <Card title="Which pictures?">
        <TextField
          label="Folder of images"
          value={wanted.data}
          onInput={(data) => setParams({ data: data || null })}
          placeholder="photos"
          choices={places?.data.map(({ path }) => path || '.') ?? []}
          help="A folder with a folder of pictures for each class (photos/cat, photos/dog), with or without train/ and val/; or a CSV file, tar shards, Parquet files. Seen from the studio's folder."
        />
        {places?.data.length === 0 && (
          <Notice>No data set was found in this folder. A path to anywhere on this machine will do.</Notice>
        )}
        <SettingFields
          fields={form.fields}
          section="data"
          wanted={wanted}
          first={['data.images', 'data.fraction', 'data.valFraction']}
          without={['data.dir']}
        />
      </Card>
      <Doctor wanted={wanted} />
    </>
  );
}

/** What would go wrong, before anything is trained. */
function Doctor({ wanted }: { readonly wanted: Wanted }) {
  const [found, setFound] = useState<DoctorAnswer | null>(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const { data, teacher, student, method, set } = wanted;
  const ask = () => {
    setBusy(true);
    setError('');
    setFound(null);
    post<DoctorAnswer>('/doctor', {
      data,
      ...(teacher === '' ? {} : { teacher }),
      ...(student === '' ? {} : { student }),
      ...(method === '' ? {} : { method }),
      set,
    })
      .then(setFound, (refused: Error) => setError(refused.message))
      .finally(() => setBusy(false));
  };
  return (
    <Card
      title="What would go wrong, and what will it cost?"
      aside={
        <Button onClick={ask} disabled={busy || data === ''}>
          {busy ? 'Looking…' : 'Ask the doctor'}
        </Button>
      }
    >
      {data === '' && (
        <p class="soft">
          Choose a folder first. Then the doctor looks for damaged and double pictures, leaks and rare classes, and
          times a few updates.
        </p>
      )}
      {busy && (
        <p role="status">Reading pictures for up to twenty seconds, and timing a few updates of this very run…</p>
      )}
      {error && (
        <Notice kind="bad" title="The doctor could not look">
          {error}
        </Notice>
      )}
      {found && <Findings answer={found} />}
    </Card>
  );
}

function TeacherStep({
  form,
  wanted,
  runs,
  places,
}: StepProps & { readonly runs: Runs | undefined; readonly places: Places | undefined }) {
  const models = [
    ...(runs?.runs ?? []).filter(({ state }) => state === 'done').map(({ path }) => path),
    ...(places?.models ?? []).map(({ path }) => path),
  ];
  const method = form.methods.find(({ name }) => name === wanted.method);
  return (
    <Card title="Who teaches?">
      <TextField
        label="Teacher"
        value={wanted.teacher}
        onInput={(teacher) =>
          setParams({
            teacher: teacher || null,
            method: wanted.method === '' && teacher ? 'kd' : wanted.method || null,
          })
        }
        placeholder="none: the labels alone"
        choices={models}
        help="A run, an exported model, a folder of transformers or timm, a .safetensors or .onnx file, or hf:org/name. Empty: trained on labels alone."
      />
      <SelectField
        label="Method"
        value={wanted.method || (wanted.teacher ? 'kd' : 'supervised')}
        options={form.methods.map(({ name }) => [name, name])}
        onChange={(name) => setParams({ method: name })}
        help={method?.summary}
      />
      {wanted.teacher === '' && wanted.method !== '' && wanted.method !== 'supervised' && (
        <Notice kind="warn">Most methods need a teacher; without one choose supervised.</Notice>
      )}
      <SettingFields
        fields={form.fields}
        section="teacher"
        wanted={wanted}
        first={['teacher.precision']}
        without={['teacher.ref']}
      />
    </Card>
  );
}

function GoalStep({ form, wanted }: StepProps) {
  const model = form.models.find(({ name }) => name === wanted.student);
  return (
    <>
      <Card title="What should the student be?">
        <TextField
          label="Student"
          value={wanted.student}
          onInput={(student) => setParams({ student: student || null })}
          placeholder="deit_tiny_patch16_224"
          choices={form.models.map(({ name }) => name)}
          help={
            model
              ? `${quantity(model.parameters)} parameters and ${quantity(model.macs)} multiply-accumulates an image, with 1000 classes at ${model.imageSize} px`
              : 'A small Vision Transformer, a convolutional network, or an .onnx file of your own.'
          }
        />
        <SettingFields
          fields={form.fields}
          section="student"
          wanted={wanted}
          first={['student.imageSize', 'student.init']}
          without={['student.name', 'student.settings']}
        />
      </Card>
      <Card title="How long, and how?">
        <SettingFields
          fields={form.fields}
          section="train"
          wanted={wanted}
          first={['train.budget', 'train.epochs', 'train.batch', 'train.seed']}
        />
        <SettingFields fields={form.fields} section="optim" wanted={wanted} first={['optim.lr']} />
        <SettingFields
          fields={form.fields}
          section="augment"
          wanted={wanted}
          first={['augment.preset', 'augment.flip']}
        />
      </Card>
      <Doctor wanted={wanted} />
    </>
  );
}

/** The command that it is, and the button that runs it. */
function Start({ wanted }: { readonly wanted: Wanted }) {
  const [line, setLine] = useState('');
  const [error, setError] = useState('');
  const request = requestOf(wanted);
  const text = JSON.stringify(request);
  useEffect(() => {
    let left = false;
    post<{ line: string }>('/jobs/line', JSON.parse(text)).then(
      (found) => {
        if (!left) [setLine(found.line), setError('')];
      },
      (refused: Error) => {
        if (!left) setError(refused.message);
      },
    );
    return () => {
      left = true;
    };
  }, [text]);
  const missing = wanted.data === '' ? 'a folder of images (step 1)' : wanted.student === '' ? 'a student' : undefined;
  const start = () =>
    void post<{ job: JobView }>('/jobs', request).then(
      ({ job }) => {
        lists.value++;
        go(`/jobs/${job.id}`);
      },
      (refused: Error) => setError(refused.message),
    );
  return (
    <Card title="Begin">
      {missing ? <Empty title={`Still missing: ${missing}`} /> : line && <Command line={line} />}
      {error && !missing && <Notice kind="bad">{error}</Notice>}
      <div class="row end">
        <Button kind="primary" onClick={start} disabled={missing !== undefined}>
          Start the run
        </Button>
      </div>
    </Card>
  );
}

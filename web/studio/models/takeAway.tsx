import type { FilesAnswer, ModelFile, Place, Places, SnippetsAnswer, Verified } from '../../../src/studio/answers.ts';
import { percent } from '../../../src/report/measures.ts';
import type { VerifyReport, VerifyRow } from '../../../src/run/exporting/verify.ts';
import { Button, Card, Code, Command, Empty, LinkButton, Notice, State } from '../../ui/basics.tsx';
import { SelectField, TextField } from '../../ui/fields.tsx';
import { Table } from '../../ui/table.tsx';
import { bytes } from '../../tab/words.ts';
import { param, setParams } from '../address.ts';
import { useAnswer } from '../useAnswer.ts';
import { useCommand } from '../useCommand.ts';
import { Answered } from '../waiting.tsx';
import { stateOfJob } from '../words.ts';

/** A model folder as somebody takes it away: its files, whether every client runs them as the trainer does, and the code for each. */
export function TakeAway({ model }: { readonly model: Place }) {
  const answer = useAnswer<FilesAnswer>(`/models/${model.id}/files`, { live: true });
  return (
    <Answered answer={answer} waiting="Looking at its files…">
      {({ files, verified }) => (
        <>
          <Files model={model} files={files} />
          <Verify model={model} verified={verified} />
          <Snippets model={model} />
        </>
      )}
    </Answered>
  );
}

const WHAT: Readonly<Record<string, string>> = {
  'README.md': 'model card: how it was trained and checked, code for each client',
  'config.json': 'shape and class names',
  'preprocessor_config.json': 'how a picture becomes its input',
  'model.safetensors': 'weights: for Understudy, transformers and timm',
  'network.onnx': 'the graph without weights',
  'onnx/model.onnx': 'fp32: every ONNX runtime',
  'onnx/model_fp16.onnx': 'fp16: WebGPU',
  'onnx/model_quantized.onnx': 'q8: 8-bit weights, small and for WASM',
};

function Files({ model, files }: { readonly model: Place; readonly files: readonly ModelFile[] }) {
  const all = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <Card
      title="Files"
      aside={
        <a class="button primary" href={`/api/models/${model.id}/zip`} download>
          Download as zip, {bytes(all)}
        </a>
      }
    >
      <Table
        caption="Files of the model"
        rows={files}
        keyOf={({ path }) => path}
        columns={[
          { key: 'path', name: 'File', cell: ({ path }) => <code>{path}</code> },
          { key: 'size', name: 'Size', number: true, cell: (file) => bytes(file.bytes) },
          {
            key: 'what',
            name: 'What it is',
            cell: ({ path }) => <span class="soft sentence">{WHAT[path] ?? ''}</span>,
          },
        ]}
      />
    </Card>
  );
}

/** The model's files run by every client, on pictures of a data set, beside the trainer's own forward pass. */
function Verify({ model, verified }: { readonly model: Place; readonly verified: Verified | null }) {
  const data = useAnswer<Places>('/places').value?.data ?? [];
  const chosen = param('data') ?? data[0]?.path ?? '';
  const images = param('images') ?? '200';
  const { line, error, start, busy } = useCommand(
    chosen === ''
      ? null
      : { command: 'verify', positionals: [model.path || '.'], flags: { data: chosen || '.', images, json: true } },
  );
  const going = verified?.job.state === 'running' || verified?.job.state === 'queued';
  return (
    <Card
      title="Does it answer as the trainer does?"
      aside={verified && <State state={stateOfJob(verified.job.state)} />}
    >
      <p class="soft">
        Runs each file with onnxruntime-node, onnxruntime-web and transformers.js, and compares the answers with those
        of the trainer’s own forward pass.
      </p>
      {data.length === 0 ? (
        <Notice>It takes pictures, and there is no data set in this folder.</Notice>
      ) : (
        <>
          <div class="filters">
            <SelectField
              label="Pictures"
              value={chosen}
              options={data.map(({ path, name }) => [path, name] as const)}
              onChange={(value) => setParams({ data: value })}
            />
            <TextField
              label="How many"
              type="number"
              value={images}
              onInput={(value) => setParams({ images: value })}
            />
          </div>
          {line && <Command line={line} />}
          {error && <Notice kind="bad">{error}</Notice>}
          <div class="row end">
            {going && <LinkButton href={`/jobs/${verified.job.id}`}>See it in the queue</LinkButton>}
            <Button
              kind={verified?.report ? 'plain' : 'primary'}
              onClick={start}
              disabled={line === '' || busy || going}
            >
              {going ? 'Comparing…' : verified?.report ? 'Verify again' : 'Verify'}
            </Button>
          </div>
        </>
      )}
      {verified && !going && <Report of={verified} />}
    </Card>
  );
}

function Report({ of: { job, report } }: { readonly of: Verified }) {
  if (!report)
    return (
      <Notice kind="bad" title="There is no table">
        The command ended without one. <a href={`/jobs/${job.id}`}>What it said</a>
      </Notice>
    );
  return (
    <div class="stack tight">
      <Notice
        kind={report.agrees ? 'good' : 'bad'}
        title={
          report.agrees ? 'Every client answers as the trainer does' : 'Not every client answers as the trainer does'
        }
      >
        {`${report.images} pictures of ${report.part}${report.accuracy === undefined ? '' : `; the trainer is right on ${percent(report.accuracy)} of them`}.`}
      </Notice>
      <Rows of={report} />
      {report.absent.length > 0 && (
        <p class="soft small">
          Not installed, so not run: {report.absent.join(', ')}. <code>npm install {report.absent.join(' ')}</code>
        </p>
      )}
      {report.unfit.map((reason) => (
        <p key={reason} class="soft small">
          Not run: {reason}.
        </p>
      ))}
      <p class="soft small">
        Same answer: the share of pictures that both decide alike. Largest lead lost: by how much the trainer’s best
        class led the second at most where the client decides otherwise, in logits; the median lead over all pictures is{' '}
        {report.margin.toPrecision(2)}, and a small part of that is a tie. A client’s own resize is another one than the
        trainer’s, so it need not agree.
      </p>
    </div>
  );
}

const led = ([largest]: readonly number[]): string => (largest === undefined ? '' : largest.toPrecision(2));

const verdict = ({ fault, images, through }: VerifyRow) =>
  fault !== undefined ? (
    <State state="failed" words={images === 0 ? 'cannot be run' : 'does not agree'} />
  ) : through === 'preprocess()' ? (
    <State state="done" words="agrees" />
  ) : (
    <span class="soft whole">to compare</span>
  );

function Rows({ of: { rows, accuracy } }: { readonly of: VerifyReport }) {
  const run = (row: VerifyRow, text: string) => (row.images === 0 ? '–' : text);
  return (
    <>
      <Table
        caption="Clients compared with the trainer"
        rows={rows}
        keyOf={({ client, file, through }) => `${client} ${file} ${through}`}
        columns={[
          { key: 'client', name: 'Client', cell: ({ client }) => <span class="whole">{client}</span> },
          { key: 'file', name: 'File', cell: ({ dtype }) => dtype },
          { key: 'through', name: 'Pictures through', cell: ({ through }) => <span class="whole">{through}</span> },
          { key: 'top1', name: 'Same answer', number: true, cell: (row) => run(row, percent(row.top1)) },
          { key: 'lead', name: 'Largest lead lost', number: true, cell: (row) => led(row.margins) },
          {
            key: 'difference',
            name: 'Largest difference',
            number: true,
            cell: (row) => run(row, row.largestDifference?.toExponential(1)),
          },
          ...(accuracy === undefined
            ? []
            : [
                {
                  key: 'accuracy',
                  name: 'Accuracy',
                  number: true,
                  cell: (row: VerifyRow) => run(row, percent(row.accuracy ?? 0)),
                },
              ]),
          { key: 'verdict', name: 'Verdict', cell: verdict },
        ]}
      />
      {rows
        .filter(({ fault }) => fault !== undefined)
        .map(({ client, file, fault }) => (
          <Notice key={`${client} ${file}`} kind="bad" title={`${client}, ${file}`}>
            {fault}
          </Notice>
        ))}
    </>
  );
}

/** Code that asks the model about a picture, for each client and each of its files. */
function Snippets({ model }: { readonly model: Place }) {
  const answer = useAnswer<SnippetsAnswer>(`/models/${model.id}/snippets`);
  return (
    <Card title="Use it">
      <Answered answer={answer} waiting="Writing the code for it…">
        {({ snippets }) => <Written all={snippets} />}
      </Answered>
    </Card>
  );
}

function Written({ all }: { readonly all: SnippetsAnswer['snippets'] }) {
  if (all.length === 0)
    return (
      <Empty title="No code to show">
        <p>It has no ONNX files or no classifier; its README.md says how it is used.</p>
      </Empty>
    );
  const dtypes = [...new Set(all.map(({ dtype }) => dtype))];
  const dtype = dtypes.find((one) => one === param('file')) ?? dtypes[0]!;
  const here = all.filter((one) => one.dtype === dtype);
  const nameOf = ({ client, where }: (typeof all)[number]) => `${client} in ${where}`;
  const shown = here.find((one) => nameOf(one) === param('client')) ?? here[0]!;
  return (
    <>
      <div class="filters">
        <SelectField
          label="Who runs it"
          value={nameOf(shown)}
          options={here.map((one) => [nameOf(one), nameOf(one)] as const)}
          onChange={(value) => setParams({ client: value })}
        />
        <SelectField
          label="File"
          value={dtype}
          options={dtypes.map((one) => [one, one] as const)}
          onChange={(value) => setParams({ file: value })}
          help={
            shown.code.includes('.onnx') || shown.code.includes('dtype') ? '' : 'This client reads model.safetensors.'
          }
        />
      </div>
      <Command line={shown.install} label="Install" />
      <Code text={shown.code.trimEnd()} label={nameOf(shown)} />
      {shown.where === 'a browser' && (
        <p class="soft small">
          Written for the folder at <code>/models/</code> of your site. Browsers give threads to WebAssembly on a page
          with the headers COOP and COEP alone.
        </p>
      )}
    </>
  );
}

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, Card, Empty, Notice } from '../../ui/basics.tsx';
import { Table } from '../../ui/table.tsx';
import { useCamera } from '../../tab/cameraView.tsx';
import { Picker } from '../../tab/picker.tsx';
import { milliseconds } from '../../tab/words.ts';
import { Asking, furthest } from './asking.ts';
import type { Device, TryAnswer } from './protocol.ts';

export interface TriedModel {
  readonly name: string;
  /** Address of its files. */
  readonly folder: string;
}

const DEVICES: readonly (readonly [Device, string])[] = [
  ['wasm', 'WebAssembly'],
  ['webgpu', 'WebGPU'],
];
/** Answers that a median is of. */
const TIMES = 15;
/** Our choice: WebGPU answers as WebAssembly where no probability is further from it than a thousandth. */
const ALIKE = 1e-3;

type Outcome = { readonly answer: TryAnswer } | { readonly error: string };
type Outcomes = ReadonlyMap<string, Outcome>;
const keyOf = (model: TriedModel, device: Device): string => `${device} ${model.folder}`;

/** Models asked about a picture or the webcam, in this browser: what they say, how fast, and whether WebGPU answers as WebAssembly. */
export function TryModels({ models }: { readonly models: readonly TriedModel[] }) {
  const [shown, setShown] = useState<string | null>(null);
  const [camera, setCamera] = useState(false);
  const [outcomes, setOutcomes] = useState<Outcomes>(new Map());
  const [busy, setBusy] = useState('');
  const [error, setError] = useState('');
  const asking = useRef<Asking | null>(null);
  useEffect(() => () => asking.current?.close(), []);
  const ask = async (picture: ImageBitmap, devices: readonly Device[], times: number) => {
    asking.current ??= new Asking();
    for (const device of devices)
      for (const model of models) {
        setBusy(`${model.name} in ${DEVICES.find(([name]) => name === device)![1]}…`);
        const outcome = await asking.current.ask({ device, folder: model.folder, picture, times }).then(
          (answer): Outcome => ({ answer }),
          (failed: Error): Outcome => ({ error: failed.message }),
        );
        setOutcomes((before) => new Map([...before, [keyOf(model, device), outcome]]));
      }
    setBusy('');
  };
  const show = async (file: File | undefined) => {
    if (!file) return;
    setError('');
    const picture = await createImageBitmap(file).catch(() => undefined);
    if (!picture)
      return setError(`“${file.name}” cannot be read as a picture. Choose a JPEG, PNG, WebP, GIF, BMP or AVIF file.`);
    setCamera(false);
    setShown(URL.createObjectURL(file));
    await ask(picture, hasWebGpu() ? ['wasm', 'webgpu'] : ['wasm'], TIMES);
  };
  return (
    <div class="try">
      <Card title="Picture">
        <Stage shown={shown} onDrop={(file) => void show(file)}>
          {camera ? <Live ask={(picture) => ask(picture, ['wasm'], 0)} /> : null}
        </Stage>
        <div class="row">
          <Picker accept="image/*" kind="primary" label="Choose a picture to try" onPick={([file]) => void show(file)}>
            Choose a picture
          </Picker>
          <Button pressed={camera} onClick={() => setCamera(!camera)}>
            {camera ? 'Webcam off' : 'Webcam on'}
          </Button>
        </div>
        <p class="soft small">
          Picture and model stay in this browser; the studio is asked for the model’s files alone.
        </p>
        {error && <Notice kind="bad">{error}</Notice>}
      </Card>
      <div class="stack">
        <p role="status" class="soft small">
          {busy && `Asking ${busy}`}
        </p>
        {outcomes.size === 0 ? (
          <Empty title="What do they say?">
            <p>
              Show the {models.length > 1 ? 'student and its teacher' : 'model'} a picture, and see probabilities and
              milliseconds.
            </p>
          </Empty>
        ) : (
          <>
            <div class="two">
              {models.map((model) => (
                <Said key={model.folder} model={model} outcome={outcomes.get(keyOf(model, 'wasm'))} />
              ))}
            </div>
            <Speeds models={models} outcomes={outcomes} />
          </>
        )}
      </div>
    </div>
  );
}

const hasWebGpu = (): boolean => 'gpu' in navigator;

function Stage({
  shown,
  onDrop,
  children,
}: {
  readonly shown: string | null;
  readonly onDrop: (file: File | undefined) => void;
  readonly children: ComponentChildren;
}) {
  const [over, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way; the buttons below are another
    <div
      class={`stage ${over ? 'over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        onDrop(event.dataTransfer?.files[0]);
      }}
    >
      {children ??
        (shown ? <img src={shown} alt="What the models are asked about" /> : <p class="soft">Drop a picture here</p>)}
    </div>
  );
}

/** Asks about what the webcam sees, as often as the answers come. */
function Live({ ask }: { readonly ask: (picture: ImageBitmap) => Promise<void> }) {
  const { video, camera, refused } = useCamera();
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (!camera) return;
    let over = false;
    const look = async () => {
      while (!over) {
        await latest.current((await camera.frame()) as ImageBitmap);
        // A hidden tab paints nothing, and is asked nothing.
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    };
    void look();
    return () => {
      over = true;
    };
  }, [camera]);
  if (refused) return <Notice kind="bad">{refused}</Notice>;
  return <video ref={video} muted playsInline aria-label="What the webcam sees" />;
}

const MOST = 6;

function Said({ model, outcome }: { readonly model: TriedModel; readonly outcome: Outcome | undefined }) {
  return (
    <Card
      title={model.name}
      aside={
        <span class="soft small">{outcome && 'answer' in outcome ? milliseconds(outcome.answer.median) : ''}</span>
      }
    >
      {!outcome && <p class="soft">Not asked yet.</p>}
      {outcome && 'error' in outcome && <Notice kind="bad">{outcome.error}</Notice>}
      {outcome && 'answer' in outcome && (
        <ol class="bars">
          {outcome.answer.all.slice(0, MOST).map(({ class: name, probability }) => (
            <li key={name}>
              <span class="break">{name}</span>
              <span class="share" aria-hidden="true">
                <span style={{ width: `${100 * probability}%` }} />
              </span>
              <span class="number">{(100 * probability).toFixed(1)} %</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

/** How fast each is on each device of this browser, and whether they answer alike. */
function Speeds({ models, outcomes }: { readonly models: readonly TriedModel[]; readonly outcomes: Outcomes }) {
  const answerOf = (model: TriedModel, device: Device) => {
    const outcome = outcomes.get(keyOf(model, device));
    return outcome && 'answer' in outcome ? outcome.answer : undefined;
  };
  const rows = models.flatMap((model) =>
    DEVICES.map(([device, name]) => ({ model, device, name, outcome: outcomes.get(keyOf(model, device)) })),
  );
  const alike = (model: TriedModel): string => {
    const [a, b] = [answerOf(model, 'wasm'), answerOf(model, 'webgpu')];
    if (!a || !b) return '–';
    const most = furthest(a, b);
    return `${most <= ALIKE ? 'as WebAssembly' : 'NOT as WebAssembly'}, within ${most.toExponential(0)}`;
  };
  return (
    <Card title="In this browser">
      <Table
        caption="Speed and agreement by model and device"
        rows={rows}
        keyOf={({ model, device }) => keyOf(model, device)}
        columns={[
          { key: 'model', name: 'Model', cell: ({ model }) => model.name },
          { key: 'device', name: 'Device', cell: ({ name }) => name },
          {
            key: 'median',
            name: `Median of ${TIMES}`,
            number: true,
            cell: ({ model, device }) => {
              const answer = answerOf(model, device);
              return answer ? milliseconds(answer.median) : '–';
            },
          },
          {
            key: 'first',
            name: 'First, with loading',
            number: true,
            cell: ({ model, device }) => {
              const answer = answerOf(model, device);
              return answer ? milliseconds(answer.first) : '–';
            },
          },
          {
            key: 'alike',
            name: 'Answers',
            cell: ({ model, device, outcome }) =>
              outcome && 'error' in outcome ? (
                <span class="break">{outcome.error}</span>
              ) : device === 'webgpu' ? (
                hasWebGpu() ? (
                  alike(model)
                ) : (
                  'this browser has no WebGPU'
                )
              ) : (
                ''
              ),
          },
        ]}
      />
      <p class="soft small">
        Milliseconds of one picture from its bytes to probabilities, with preparing it. Other tabs, trainings and a
        laptop on battery make them larger.
      </p>
    </Card>
  );
}

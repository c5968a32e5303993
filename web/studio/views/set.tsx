import { useEffect, useState } from 'preact/hooks';
import { quantity } from '../../../src/report/measures.ts';
import type { Places, SetAnswer } from '../../../src/studio/answers.ts';
import { Button, Card, Empty, Figures, LinkButton, Notice, Progress, State } from '../../ui/basics.tsx';
import { Chart, type ChartLine } from '../../ui/chart.tsx';
import { Table } from '../../ui/table.tsx';
import { get, post } from '../server.ts';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Waiting } from '../waiting.tsx';

/** Pictures of a class, and classes, that are shown at once. */
const [SHOWN, CLASSES] = [8, 40];
/** Milliseconds between two looks at a set that is being made: its files tell nobody. */
const LOOK_EVERY = 2000;
/** Terms of the loss, in words. */
const TERMS: Readonly<Record<string, string>> = {
  loss: 'loss',
  ce: 'class (ce)',
  feature: 'BatchNorm gap (feature)',
  adi: 'disagreement (adi)',
  bpid: 'diversity (bpid)',
};

/** Images that are made from a teacher, as they form: the batch at work, the losses, and what there is of each class. */
export function SetView({ parts: { id = '' } }: ViewProps) {
  const { found, error } = useSet(id);
  if (error && !found) return <Notice kind="bad">{error}</Notice>;
  if (!found) return <Waiting what="Looking at the images…" />;
  const total = found.perClass * found.classes.length;
  const done = found.images >= total;
  return (
    <>
      <Head set={found} done={done} />
      {error && <Notice kind="bad">{error}</Notice>}
      {!done && <Progress done={found.images} of={total} label="Images of the set" />}
      <Figures
        of={[
          ['Images', String(found.images), `of ${total}`],
          ['Classes', String(found.classes.length), `${found.perClass} images each`],
          ['Teacher is sure of', shareOf(meanConfidence(found)), 'of the class that was wanted'],
          ...(found.quality
            ? ([
                ['Teacher’s top-1', shareOf(found.quality.teacherTop1)],
                ['BatchNorm gap', quantity(gapOf(found)), `of the means, ${found.quality.normGaps.length} layers`],
              ] as const)
            : []),
        ]}
      />
      {found.preview !== null && (
        <Card title="The batch that is being made">
          <img
            class="preview"
            src={`/api/sets/${id}/preview?side=640&at=${found.preview}`}
            alt="The batch that is being made, as it is now"
          />
        </Card>
      )}
      <Curves set={found} />
      {found.quality && <Gaps gaps={found.quality.normGaps} />}
      <Classes set={found} />
    </>
  );
}

function useSet(id: string): { readonly found: SetAnswer | null; readonly error: string } {
  const [found, setFound] = useState<SetAnswer | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    const look = () =>
      get<SetAnswer>(`/sets/${id}`).then(
        (answer) => {
          setFound(answer);
          setError('');
        },
        (refused: Error) => setError(refused.message),
      );
    void look();
    const timer = setInterval(() => !document.hidden && void look(), LOOK_EVERY);
    return () => clearInterval(timer);
  }, [id]);
  return { found, error };
}

function Head({ set: { place, running, round, rounds }, done }: { readonly set: SetAnswer; readonly done: boolean }) {
  const [error, setError] = useState('');
  const data = useAnswer<Places>('/places', { live: true }).value?.data.find(({ path }) => path === place.path);
  const stop = () =>
    void post(`/sets/${place.id}/stop`).then(
      () => setError(''),
      (refused: Error) => setError(refused.message),
    );
  return (
    <>
      <Top title={place.name} above={[['Made images', '/sets']]}>
        <State state={running ? 'running' : done ? 'done' : 'interrupted'} />
        {running && <Button onClick={stop}>Stop</Button>}
        {data && <LinkButton href={`/data/${data.id}`}>Its pictures</LinkButton>}
        {done && (
          <LinkButton
            href={`/start/distill?data=${encodeURIComponent(place.path || '.')}&method=dearkd`}
            kind="primary"
          >
            Distil on them
          </LinkButton>
        )}
      </Top>
      {error && <Notice kind="bad">{error}</Notice>}
      {rounds > 1 && (
        <p class="soft small">
          Round {round} of {rounds}: each after the first makes images that are hard for the student so far.
        </p>
      )}
      {!running && !done && (
        <Notice>
          Nobody makes images of this set now. The command that began it goes on with it; finished batches stay.
        </Notice>
      )}
    </>
  );
}

/** The whole loss, and each of its terms for itself: their sizes differ. */
function Curves({ set: { curves } }: { readonly set: SetAnswer }) {
  const names = Object.keys(curves);
  if (names.length === 0)
    return (
      <Empty title="No iteration yet">
        <p>The curves of the losses appear here with the first batch. Sets of older releases kept none.</p>
      </Empty>
    );
  return (
    <div class="charts">
      {names.map((name, colour) => (
        <Chart
          key={name}
          title={TERMS[name] ?? name}
          xName="iteration, batch after batch"
          group="set"
          lines={[{ name: TERMS[name] ?? name, colour, ...curves[name]! }]}
        />
      ))}
    </div>
  );
}

function Gaps({ gaps }: { readonly gaps: NonNullable<SetAnswer['quality']>['normGaps'] }) {
  const x = gaps.map((_, i) => i + 1);
  const lines: ChartLine[] = [
    { name: 'means', colour: 0, x, y: gaps.map(({ mean }) => mean) },
    { name: 'variances', colour: 1, x, y: gaps.map(({ variance }) => variance) },
  ];
  return <Chart title="BatchNorm gap of the whole set" xName="layer" lines={lines} />;
}

function Classes({ set }: { readonly set: SetAnswer }) {
  const [all, setAll] = useState(false);
  const { classes, perClass, place, round } = set;
  const shown = all ? classes : classes.slice(0, CLASSES);
  return (
    <Card title="What there is of each class">
      {shown.map(({ name, images, confidence }, k) => (
        <div class="made" key={name}>
          <div>
            <div class="line">{name}</div>
            <div class="soft small">
              {images} of {perClass}
              {confidence !== null && `, sure ${shareOf(confidence)}`}
            </div>
          </div>
          <div class="made-row">
            {Array.from({ length: Math.min(SHOWN, images) }, (_, n) => (
              <img
                key={`${images}-${n}`}
                loading="lazy"
                src={`/api/sets/${place.id}/classes/${k}/${n}?round=${round}&of=${images}`}
                alt={`${name}, made by the teacher`}
              />
            ))}
          </div>
        </div>
      ))}
      {shown.length < classes.length && <Button onClick={() => setAll(true)}>Show all {classes.length} classes</Button>}
      <details>
        <summary>As a table</summary>
        <Table
          caption="Images of each class"
          rows={classes}
          keyOf={({ name }) => name}
          columns={[
            { key: 'name', name: 'Class', cell: ({ name }) => name },
            { key: 'images', name: 'Images', number: true, cell: ({ images }) => images },
            { key: 'sure', name: 'Teacher is sure', number: true, cell: ({ confidence }) => shareOf(confidence) },
            {
              key: 'loss',
              name: 'Cross entropy',
              number: true,
              cell: ({ loss }) => (loss === null ? '–' : loss.toPrecision(3)),
            },
          ]}
        />
      </details>
    </Card>
  );
}

const shareOf = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);

function meanConfidence({ classes, images }: SetAnswer): number | null {
  if (images === 0) return null;
  return classes.reduce((sum, { confidence, images: own }) => sum + own * (confidence ?? 0), 0) / images;
}

const gapOf = ({ quality }: SetAnswer): number => quality!.normGaps.reduce((sum, { mean }) => sum + mean, 0);

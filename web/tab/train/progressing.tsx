import { Fragment } from 'preact';
import { Button, Figures, Notice, Progress } from '../../ui/basics.tsx';
import type { Training } from '../protocol.ts';
import { attempt, choices, clearCurves, keeper, rate, refreshRuns, right, warnings, wentOn } from '../state.ts';
import { about, left, percent, rightOf } from '../words.ts';
import { TrainingCurves } from './curves.tsx';

/** A training that has begun: how far it is, what it has learnt, and what can be done. */
export const Progressing = ({ of: training }: { readonly of: Training }) => (
  <div class="stack">
    <div class="card">
      <Head of={training} />
      <Actions of={training} />
    </div>
    <TrainingCurves />
    <Chosen />
  </div>
);

function Head({ of: training }: { readonly of: Training }) {
  const now = rate.value;
  if (training.state === 'failed')
    return (
      <Notice kind="bad" title="The training stopped">
        {training.fault}
      </Notice>
    );
  if (training.state === 'done') return <Done of={training} />;
  const running = training.state === 'running';
  return (
    <>
      {wentOn.value && running && (
        <Notice kind="good" title="Welcome back">
          {wentOn.value}
        </Notice>
      )}
      {!running && (
        <Notice kind="info" title="Paused">
          Everything is saved. You may close the page and go on another day.
        </Notice>
      )}
      <div class="stack tight">
        <div class="row apart">
          <strong role="status">{passes(training)}</strong>
          <span class="soft small">{now && running && left(now.etaSeconds)}</span>
        </div>
        <Progress done={now?.step ?? 0} of={now ? now.totalSteps : running ? null : 1} label="Training" />
      </div>
      <Now of={training} />
    </>
  );
}

function passes({ plan: { length } }: Training): string {
  const now = rate.value;
  const timed = length !== 'auto' && length !== 'passes';
  if (!now) return timed ? 'Measuring how fast this machine trains…' : 'Getting ready…';
  return `Pass ${Math.min(now.epochs, Math.max(1, Math.ceil(now.epoch)))} of ${Math.ceil(now.epochs)} over your pictures`;
}

function Now({ of: { state, kept } }: { readonly of: Training }) {
  const running = state === 'running';
  const last = right.value.at(-1);
  const now = rate.value;
  return (
    <Figures
      of={[
        ['Right on kept-aside pictures', last ? percent(last.value) : '–', last && rightOf(last.value, kept)],
        [
          'Speed',
          now && running && now.imagesPerSec > 0 ? now.imagesPerSec.toFixed(now.imagesPerSec < 10 ? 1 : 0) : '–',
          'pictures/s',
        ],
      ]}
    />
  );
}

function Done({ of: { outcome, teacher, kept } }: { readonly of: Training }) {
  const share = outcome?.top1 ?? null;
  return (
    <>
      <Notice kind="good" title="Your model is trained">
        {share === null
          ? 'Try it, and download it.'
          : `It is right on ${kept === undefined ? percent(share) : `${rightOf(share, kept)} pictures (${percent(share)})`} that were kept aside and not trained on. Try it, and download it.`}
      </Notice>
      {outcome && (
        <p class="small soft">
          {teacher ? `Taught by ${teacher.name}. ` : ''}
          {outcome.parameters === null ? '' : `${outcome.parameters.toLocaleString('en')} numbers, `}
          trained in {about(outcome.seconds)}.
        </p>
      )}
    </>
  );
}

const pause = () => void attempt('train', () => keeper.ask('pause'));
const goOn = () => void attempt('train', () => keeper.ask('goOn'));
const discard = () =>
  void attempt('train', async () => {
    await keeper.ask('discard');
    clearCurves();
  });
/** The finished one stays, as a teacher of later ones. */
const again = () =>
  void attempt('train', async () => {
    await keeper.ask('putAway');
    clearCurves();
    await refreshRuns();
  });

const Actions = ({ of: { state } }: { readonly of: Training }) => (
  <div class="row">
    {state === 'running' && <Button onClick={pause}>Pause</Button>}
    {(state === 'paused' || state === 'failed') && (
      <Button kind="primary" onClick={goOn}>
        {state === 'paused' ? 'Go on' : 'Try to go on'}
      </Button>
    )}
    {state !== 'done' && (
      <Button kind="quiet" onClick={discard}>
        {state === 'failed' ? 'Back to the settings' : 'Discard this training'}
      </Button>
    )}
    {state === 'done' && <Button onClick={again}>Train another</Button>}
  </div>
);

/** What the choices of the library are called here; those that say nothing to most people are left out. */
const NAMES: Readonly<Record<string, string>> = {
  'student.imageSize': 'Pictures are seen at, px',
  'train.epochs': 'Passes',
  'train.batch': 'Pictures at a time',
  'optim.lr': 'Learning rate',
  'augment.preset': 'Variations of pictures',
  'augment.flip': 'Mirrored, share',
  'optim.weightDecay': 'Weight decay',
};

function Chosen() {
  const shown = choices.value.filter(({ key }) => NAMES[key]);
  return (
    <>
      {warnings.value.map((warning) => (
        <Notice key={warning} kind="warn">
          {warning}
        </Notice>
      ))}
      {shown.length > 0 && (
        <details class="notes">
          <summary>What was chosen for you</summary>
          <dl>
            {shown.map(({ key, value, reason }) => (
              <Fragment key={key}>
                <dt>{NAMES[key]}</dt>
                <dd>
                  {value} <span class="soft">({reason})</span>
                </dd>
              </Fragment>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}

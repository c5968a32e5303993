import type { Place, Places } from '../../../src/studio/answers.ts';
import { Empty, LinkButton, Tabs } from '../../ui/basics.tsx';
import { SelectField } from '../../ui/fields.tsx';
import { param, setParams } from '../address.ts';
import { ModelParts } from '../models/modelParts.tsx';
import { TakeAway } from '../models/takeAway.tsx';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { TryModels } from '../try/tryModels.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

const TABS = [
  ['', 'What it is'],
  ['try', 'Try it'],
  ['files', 'Take it away'],
] as const;

/** A model folder: what it is, what it has learned, trying it, and taking it away. */
export function ModelView({ parts: { id = '', tab = '' } }: ViewProps) {
  const answer = useAnswer<Places>('/places', { live: true });
  const model = answer.value?.models.find((one) => one.id === id);
  return (
    <>
      <Top title={model?.name ?? 'Model'} above={[['Models', '/models']]} />
      <Answered answer={answer} waiting="Looking for the model…">
        {({ data }) => (model ? <Parts model={model} tab={tab} data={data} /> : <Gone />)}
      </Answered>
    </>
  );
}

const Gone = () => (
  <Empty title="This model is not here">
    <p>It was moved or deleted, or it is of another folder than the studio’s.</p>
    <LinkButton href="/models">All models</LinkButton>
  </Empty>
);

interface PartsProps {
  readonly model: Place;
  readonly tab: string;
  readonly data: readonly Place[];
}

const Parts = ({ model, tab, data }: PartsProps) => (
  <>
    <Tabs
      label="Parts of the model"
      tabs={TABS.map(([path, name]) => ({
        name,
        href: `/models/${model.id}${path && `/${path}`}`,
        current: tab === path,
      }))}
    />
    {tab === 'try' && <TryModels models={[{ name: model.name, folder: `/api/models/${model.id}/model` }]} />}
    {tab === 'files' && <TakeAway model={model} />}
    {tab === '' && <WhatItIs model={model} data={data} />}
  </>
);

function WhatItIs({ model, data }: Omit<PartsProps, 'tab'>) {
  const chosen = param('data') ?? data[0]?.id;
  return (
    <ModelParts
      at={`/models/${model.id}`}
      path={model.path || '.'}
      learned={chosen === undefined ? null : `/models/${model.id}/learned?data=${chosen}`}
      names={[model.name]}
      choice={
        chosen !== undefined && (
          <SelectField
            label="Pictures to look at it with"
            value={chosen}
            options={data.map((place) => [place.id, place.name] as const)}
            onChange={(value) => setParams({ data: value })}
          />
        )
      }
    />
  );
}

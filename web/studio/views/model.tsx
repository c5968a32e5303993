import type { Places } from '../../../src/studio/answers.ts';
import { Tabs } from '../../ui/basics.tsx';
import { SelectField } from '../../ui/fields.tsx';
import { param, setParams } from '../address.ts';
import { ModelParts } from '../models/modelParts.tsx';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { TryModels } from '../try/tryModels.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

/** A model folder: what it is, what it has learned, and trying it. */
export function ModelView({ parts: { id = '', tab = '' } }: ViewProps) {
  const answer = useAnswer<Places>('/places');
  const model = answer.value?.models.find((one) => one.id === id);
  return (
    <>
      <Top title={model?.name ?? 'Model'} above={[['Models', '/models']]} />
      <Answered answer={answer} waiting="Looking for the model…">
        {({ data }) => (
          <>
            <Tabs
              label="Parts of the model"
              tabs={[
                { name: 'What it is', href: `/models/${id}`, current: tab === '' },
                { name: 'Try it', href: `/models/${id}/try`, current: tab === 'try' },
              ]}
            />
            {tab === 'try' ? (
              <TryModels models={[{ name: model?.name ?? 'Model', folder: `/api/models/${id}/model` }]} />
            ) : (
              <>
                {data.length > 0 && (
                  <div style={{ maxWidth: '24rem' }}>
                    <SelectField
                      label="Pictures to look at it with"
                      value={param('data') ?? data[0]!.id}
                      options={data.map((place) => [place.id, place.name] as const)}
                      onChange={(value) => setParams({ data: value })}
                    />
                  </div>
                )}
                <ModelParts
                  at={`/models/${id}`}
                  path={model?.path || '.'}
                  learned={data.length > 0 ? `/models/${id}/learned?data=${param('data') ?? data[0]!.id}` : null}
                  names={[model?.name ?? 'model']}
                />
              </>
            )}
          </>
        )}
      </Answered>
    </>
  );
}

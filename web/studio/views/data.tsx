import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { DataAnswer, DataFacts, PictureRow } from '../../../src/studio/answers.ts';
import { Button, Command, Empty, LinkButton, Notice, Tabs } from '../../ui/basics.tsx';
import { SelectField, TextField } from '../../ui/fields.tsx';
import { Table } from '../../ui/table.tsx';
import { address, param, setParams } from '../address.ts';
import { Augmented } from '../data/augmented.tsx';
import { OpenPicture } from '../data/openPicture.tsx';
import { PictureGrid } from '../data/pictureGrid.tsx';
import { post } from '../server.ts';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { type Answer, useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

const COUNTS = new Intl.NumberFormat('en');
export const counted = (count: number): string => COUNTS.format(count);

const TABS = [
  ['', 'Pictures'],
  ['classes', 'Classes'],
  ['augmentation', 'Augmentation'],
] as const;

/** Counts up where a listing is asked for again. */
const looks = signal(0);

/** A data set: its pictures by class, part and name, how many there are of each, and what training makes of them. */
export function DataSetView({ parts: { id = '', tab = '' } }: ViewProps) {
  const answer = useListing(id);
  return (
    <>
      {!answer.value && <Top title="Data set" above={[['Data', '/data']]} />}
      <Answered answer={answer} waiting="Looking for the data set…">
        {({ place, images, facts }) => (
          <>
            <Top title={place.name} above={[['Data', '/data']]}>
              <Button onClick={() => void post(`/data/${id}/again`).then(() => looks.value++)}>
                Read the folder again
              </Button>
              <LinkButton href={`/new?data=${encodeURIComponent(place.path || '.')}`} kind="primary">
                New run on it
              </LinkButton>
            </Top>
            {facts === null ? (
              <Notice title="Reading the names of the pictures">
                {images === 0 ? 'The first ones are counted…' : `${counted(images)} so far…`} A million take some ten
                seconds, once: the list is kept.
              </Notice>
            ) : (
              <>
                {facts.notes.map((note) => (
                  <Notice key={note} kind="warn">
                    {note}
                  </Notice>
                ))}
                <Tabs
                  label="Parts of the data set"
                  tabs={TABS.map(([path, name]) => ({
                    name,
                    href: `/data/${id}${path && `/${path}`}`,
                    current: tab === path,
                  }))}
                />
                {tab === '' && <Pictures id={id} facts={facts} />}
                {tab === 'classes' && <Classes id={id} facts={facts} path={place.path || '.'} />}
                {tab === 'augmentation' && <Augmented id={id} path={place.path || '.'} />}
              </>
            )}
          </>
        )}
      </Answered>
    </>
  );
}

/** Asks until the pictures are listed. */
function useListing(id: string): Answer<DataAnswer> {
  const answer = useAnswer<DataAnswer>(`/data/${id}?look=${looks.value}`);
  const listing = answer.value?.facts === null;
  useEffect(() => {
    if (!listing) return;
    const timer = setTimeout(() => looks.value++, 500);
    return () => clearTimeout(timer);
  });
  return useKept(answer);
}

let kept: { readonly id: string; readonly answer: Answer<DataAnswer> } | undefined;
/** The last answer stays while the next is on its way. */
function useKept(answer: Answer<DataAnswer>): Answer<DataAnswer> {
  const id = address.value.pathname.split('/')[2] ?? '';
  if (answer.value || answer.error) kept = { id, answer };
  return kept?.id === id ? kept.answer : answer;
}

function Pictures({ id, facts }: { readonly id: string; readonly facts: DataFacts }) {
  const [k, split, q] = [param('class'), param('split'), param('q')];
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries({ class: k, split, q })) if (value) asked.set(name, value);
  const at = param('at');
  return (
    <>
      <div class="filters">
        <SelectField
          label="Class"
          value={k ?? ''}
          options={[
            ['', `All ${counted(facts.images)}`],
            ...facts.classes.map(
              ({ name, train, val }, i) => [String(i), `${name} (${counted(train + val)})`] as const,
            ),
          ]}
          onChange={(value) => setParams({ class: value || null, at: null })}
        />
        <SelectField
          label="Part"
          value={split ?? ''}
          options={[
            ['', 'Training and validation'],
            ['train', `Training (${counted(facts.train)})`],
            ['val', `Validation (${counted(facts.images - facts.train)})`],
          ]}
          onChange={(value) => setParams({ split: value || null, at: null })}
        />
        <TextField
          label="Name"
          type="search"
          placeholder="part of the file’s name"
          value={q ?? ''}
          onInput={(value) => setParams({ q: value || null, at: null })}
        />
      </div>
      {facts.splitSource === 'seeded' && (
        <p class="soft small">
          The folders do not say which pictures are for validation; a run chooses a tenth by its seed, so its choice may
          be another than the one shown here.
        </p>
      )}
      <div class={at === null ? '' : 'beside'}>
        <PictureGrid<PictureRow>
          label="Pictures"
          path={`/data/${id}/pictures${asked.size > 0 ? `?${asked}` : ''}`}
          picture={(row) => ({
            key: row.i,
            source: `/api/data/${id}/pictures/${row.i}?side=160`,
            href: withAt(row.i),
            name: row.name,
            words: <Words row={row} facts={facts} />,
            chosen: at === String(row.i),
          })}
          none={
            <Empty title="No picture fits">
              <Button onClick={() => setParams({ class: null, split: null, q: null })}>
                Show all {counted(facts.images)}
              </Button>
            </Empty>
          }
        />
        {at !== null && (
          <OpenPicture<PictureRow>
            key={at}
            at={`/data/${id}/pictures/${at}`}
            facts={(row) => [
              ['Class', classesOf(row, facts)],
              ['Part', row.split === 'train' ? 'training' : 'validation'],
              ['File', row.name],
            ]}
          />
        )}
      </div>
    </>
  );
}

const classesOf = (row: PictureRow, facts: DataFacts): string =>
  row.classes.map((k) => facts.classes[k]!.name).join(', ') || '–';

const Words = ({ row, facts }: { readonly row: PictureRow; readonly facts: DataFacts }) => (
  <>
    <span class="line">{classesOf(row, facts)}</span>
    <span class="line soft">{row.name.split('/').at(-1)}</span>
  </>
);

/** This view with a picture opened. */
export function withAt(i: number): string {
  const url = new URL(address.value);
  url.searchParams.set('at', String(i));
  return url.pathname + url.search;
}

function Classes({ id, facts, path }: { readonly id: string; readonly facts: DataFacts; readonly path: string }) {
  const sort = { key: param('sort') ?? 'train', down: param('up') === null };
  if (facts.classes.length === 0)
    return (
      <Empty title="Pictures without classes">
        <p>
          Put them into a folder for each class, or distil without labels: a teacher’s answers are all that a student
          needs.
        </p>
        <Command line={`understudy distill --data ${path} --teacher MODEL --out runs/student`} />
      </Empty>
    );
  const most = facts.classes.reduce((sum, { train, val }) => Math.max(sum, train + val), 1);
  return (
    <Table
      caption="Classes"
      rows={facts.classes.map((row, i) => ({ ...row, i }))}
      keyOf={({ i }) => i}
      sort={sort}
      onSort={({ key, down }) => setParams({ sort: key, up: down ? null : '' })}
      columns={[
        {
          key: 'name',
          name: 'Class',
          by: ({ name }) => name,
          cell: ({ name, i }) => <a href={`/data/${id}?class=${i}`}>{name}</a>,
        },
        { key: 'train', name: 'Training', number: true, by: ({ train }) => train, cell: ({ train }) => counted(train) },
        { key: 'val', name: 'Validation', number: true, by: ({ val }) => val, cell: ({ val }) => counted(val) },
        {
          key: 'share',
          name: 'Share of the largest',
          cell: ({ train, val }) => (
            <span class="share" aria-hidden="true">
              <span style={{ width: `${(100 * (train + val)) / most}%` }} />
            </span>
          ),
        },
      ]}
    />
  );
}

import { useState } from 'preact/hooks';
import type { EvaluationAnswer, JudgedAnswer, JudgedKind, JudgedRow } from '../../../src/studio/answers.ts';
import { Button, Card, Empty, Notice, Tabs } from '../../ui/basics.tsx';
import { CheckField } from '../../ui/fields.tsx';
import { param } from '../address.ts';
import { get } from '../server.ts';
import { tableOf } from './correctionTable.ts';
import { JudgedPictures } from './judgedPictures.tsx';
import { ofEvaluation } from './ofEvaluation.tsx';

const KINDS: readonly (readonly [kind: JudgedKind, name: string, words: string])[] = [
  ['wrong', 'Surest mistakes', 'What the student takes for another class than the label says, the surest first.'],
  ['differ', 'Teacher and student differ', 'Where the two decide for different classes, the surest first.'],
  [
    'labels',
    'Labels that look wrong',
    'Student and teacher say the same class, or without a teacher the student is surer of it than not, and the label says another; the surest first. Look at them and export those that are to be corrected.',
  ],
];

/** Single pictures on which somebody is wrong: student, teacher or label. */
export const Differences = ofEvaluation(({ id, evaluation }) => {
  const shown: JudgedKind = KINDS.find(([kind]) => kind === param('kind'))?.[0] ?? 'wrong';
  const [, , words] = KINDS.find(([kind]) => kind === shown)!;
  return (
    <>
      <Tabs
        label="Lists of pictures"
        tabs={KINDS.map(([kind, name]) => ({
          name: `${name} (${evaluation.counts[kind]})`,
          href: `/runs/${id}/pictures?kind=${kind}`,
          current: kind === shown,
        }))}
      />
      <p class="soft">{words}</p>
      {shown === 'differ' && !evaluation.teacher ? (
        <Empty title="Nothing is known of the teacher">
          <p>The run has no teacher, or is of a version that kept its answers together only.</p>
        </Empty>
      ) : evaluation.counts[shown] === 0 ? (
        <Empty title="There is none" />
      ) : shown === 'labels' ? (
        <Suspects id={id} evaluation={evaluation} />
      ) : (
        <JudgedPictures id={id} evaluation={evaluation} kind={shown} />
      )}
    </>
  );
});

function Suspects({ id, evaluation }: { readonly id: string; readonly evaluation: EvaluationAnswer }) {
  const [chosen, setChosen] = useState<ReadonlyMap<number, JudgedRow>>(new Map());
  const [error, setError] = useState('');
  const choose = (row: JudgedRow, on: boolean) => {
    const next = new Map(chosen);
    if (on) next.set(row.i, row);
    else next.delete(row.i);
    setChosen(next);
  };
  const all = () =>
    void allRows(id, evaluation.counts.labels).then(
      (rows) => setChosen(new Map(rows.map((row) => [row.i, row]))),
      (refused: Error) => setError(refused.message),
    );
  return (
    <Card
      title={chosen.size === 0 ? 'Choose those to correct' : `${chosen.size} chosen`}
      aside={
        <div class="row">
          <Button onClick={all}>Choose all {evaluation.counts.labels}</Button>
          <Button onClick={() => setChosen(new Map())} disabled={chosen.size === 0}>
            Choose none
          </Button>
          <Button kind="primary" onClick={() => save([...chosen.values()], evaluation)} disabled={chosen.size === 0}>
            Export as CSV
          </Button>
        </div>
      }
    >
      {error && <Notice kind="bad">{error}</Notice>}
      <JudgedPictures
        id={id}
        evaluation={evaluation}
        kind="labels"
        chosen={new Set(chosen.keys())}
        extra={(row) => (
          <CheckField
            label={<span class="line">not {evaluation.classes[row.label] ?? '–'}</span>}
            checked={chosen.has(row.i)}
            onChange={(on) => choose(row, on)}
          />
        )}
      />
    </Card>
  );
}

const PIECE = 500;
async function allRows(id: string, count: number): Promise<JudgedRow[]> {
  const rows: JudgedRow[] = [];
  for (let from = 0; from < count; from += PIECE)
    rows.push(...(await get<JudgedAnswer>(`/runs/${id}/pictures?kind=labels&from=${from}&count=${PIECE}`)).rows);
  return rows;
}

function save(rows: readonly JudgedRow[], evaluation: EvaluationAnswer): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([tableOf(rows, evaluation)], { type: 'text/csv' }));
  link.download = 'labels-to-correct.csv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

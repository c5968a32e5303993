import type { Advice, SearchRound } from '../../../src/advise/advice.ts';
import { finalRows } from '../../../src/advise/adviceText.ts';
import { seconds } from '../../../src/advise/verdict.ts';
import { points, signed } from '../../../src/study/tables/reportCells.ts';
import { Card, Command, Figures, Notice } from '../../ui/basics.tsx';
import { Table } from '../../ui/table.tsx';

const VERDICTS = {
  worth: ['good', 'Distilling is worth it'],
  notWorth: ['warn', 'Distilling is not worth it here'],
  unclear: ['info', 'These images cannot tell'],
} as const;

interface Props {
  readonly advice: Advice;
  readonly at: string;
  readonly runs: Readonly<Record<string, string>>;
}

/** What `understudy advise` found: its verdict first, then the finalists, how they were chosen, and what to run next. */
export function AdviceParts({ advice, at, runs }: Props) {
  const [kind, title] = VERDICTS[advice.verdict.kind];
  const [head = [], ...rows] = finalRows(advice);
  const runOf = (i: number) => {
    const { run } = advice.final[i]!;
    return runs[run.startsWith(`${at}/`) ? run.slice(at.length + 1) : run];
  };
  return (
    <>
      <Notice kind={kind} title={title}>
        {advice.verdict.text}
      </Notice>
      <Figures
        of={[
          ['Method', advice.method],
          ...advice.gains.map(({ over, gain, interval }): [string, string, string] => [
            `Over ${over}`,
            signed(gain),
            interval ? `${signed(interval[0])} to ${signed(interval[1])}` : 'no interval',
          ]),
          ['Took', seconds(advice.seconds), `of ${seconds(advice.budget)}`],
        ]}
      />
      <Command line={advice.next} label="What to run next" />
      <Card title="Finalists">
        <Table
          caption="Finalists, judged on the validation images"
          rows={rows.map((cells, i) => ({ cells, i }))}
          keyOf={({ i }) => i}
          columns={head.map((name, column) => ({
            key: String(column),
            name: name || 'Arm',
            number: column > 0,
            cell: ({ cells, i }) =>
              column === 0 && runOf(i) ? <a href={`/runs/${runOf(i)}`}>{cells[0]}</a> : cells[column],
          }))}
        />
        {advice.notes.map((note) => (
          <p key={note} class="soft small">
            {note}
          </p>
        ))}
      </Card>
      {advice.search.map((round, i) => (
        <Round key={round.budget} round={round} number={i + 1} judges={advice.chosenBy} />
      ))}
      {advice.refused.length > 0 && (
        <Card title="Methods that do not apply">
          <Table
            caption="Methods that do not apply, and why"
            rows={advice.refused}
            keyOf={({ name }) => name}
            columns={[
              { key: 'name', name: 'Method', cell: ({ name }) => name },
              { key: 'why', name: 'Why', cell: ({ why }) => <span class="break">{why}</span> },
            ]}
          />
        </Card>
      )}
    </>
  );
}

interface RoundProps {
  readonly round: SearchRound;
  readonly number: number;
  readonly judges: Advice['chosenBy'];
}

const Round = ({ round: { budget, rows }, number, judges }: RoundProps) => (
  <Card title={`Search, round ${number}`}>
    <p class="soft small">
      {seconds(budget)} of processor time a run, judged by {judges.images} of the {judges.of} images.
    </p>
    <Table
      caption={`Search, round ${number}`}
      rows={rows}
      keyOf={({ arm }) => arm}
      columns={[
        { key: 'arm', name: 'Arm', cell: ({ arm }) => arm },
        { key: 'mean', name: 'Mean %', number: true, cell: ({ mean }) => (mean === null ? '–' : points(mean)) },
        { key: 'seeds', name: 'By seed', cell: ({ scores }) => scores.map(points).join(', ') },
        { key: 'kept', name: '', cell: ({ kept }) => (kept ? 'stays' : '') },
        { key: 'error', name: '', cell: ({ error }) => <span class="break">{error ?? ''}</span> },
      ]}
    />
  </Card>
);

import { useState } from 'preact/hooks';
import type { StudyAnswer } from '../../../src/studio/answers.ts';
import { comparedWithSeveral, points, signed, verdict } from '../../../src/study/tables/reportCells.ts';
import type { RunRow, StudyReport, TableRow } from '../../../src/study/tables/rows.ts';
import { Button } from '../../ui/basics.tsx';
import { CheckField } from '../../ui/fields.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { go, param, setParams } from '../address.ts';
import { ColumnChoice, useHidden } from '../columnChoice.tsx';
import { duration } from '../words.ts';
import { IntervalBar, scaleOf } from './intervals.tsx';

interface Row extends TableRow {
  readonly key: string;
  readonly isBaseline: boolean;
  /** Mean of the best evaluations, which flatter; null where none is known. */
  readonly best: number | null;
  /** Its first run that is there, for its curves. */
  readonly run: string | undefined;
}

/** Characters of a label that is not broken into lines. */
const SHORT = 24;

const USUALLY_HIDDEN = ['cpu', 'images'];

/** The rows of a study, which can be sorted; two or more of them are compared by the first run of each, with the settings that differ. */
export function StudyTable({ answer, report }: { readonly answer: StudyAnswer; readonly report: StudyReport }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [hidden, setHidden] = useHidden('study', USUALLY_HIDDEN);
  const rows = rowsOf(report, answer);
  const columns = columnsOf(report, rows);
  const choose = (key: string, on: boolean) =>
    setChosen(new Set(on ? [...chosen, key] : [...chosen].filter((one) => one !== key)));
  const runs = rows.flatMap(({ key, run }) => (chosen.has(key) && run !== undefined ? [run] : []));
  const sort = param('sort') === null ? undefined : { key: param('sort')!, down: param('up') === null };
  const pick: Column<Row> = {
    key: 'pick',
    name: <span class="hidden">Choose</span>,
    cell: ({ key, labels, run }) =>
      run === undefined ? null : (
        <CheckField
          label={<span class="hidden">Choose {Object.values(labels).join(', ')}</span>}
          checked={chosen.has(key)}
          onChange={(on) => choose(key, on)}
        />
      ),
  };
  return (
    <>
      <div class="row apart">
        <h2>What came of it</h2>
        <div class="row">
          <Button disabled={runs.length < 2} onClick={() => go(`/compare?runs=${runs.join(',')}&show=settings`)}>
            {runs.length < 2 ? 'Compare settings: choose two or more' : `Compare ${runs.length}`}
          </Button>
          <ColumnChoice columns={columns} always={columns[0]!.key} hidden={hidden} setHidden={setHidden} />
        </div>
      </div>
      <Table
        caption="What the rows of the study reach"
        columns={[pick, ...columns.filter(({ key }) => !hidden.has(key))]}
        rows={rows}
        keyOf={({ key }) => key}
        sort={sort}
        onSort={({ key, down }) => setParams({ sort: key, up: down ? null : '' })}
      />
    </>
  );
}

function rowsOf({ table, runs, baseline }: StudyReport, answer: StudyAnswer): Row[] {
  return table.map((row) => {
    const own = runs.filter(({ labels }) =>
      Object.entries(row.labels).every(([name, label]) => labels[name] === label),
    );
    const best = own.flatMap((run: RunRow) => (run.best === null ? [] : [run.best]));
    return {
      ...row,
      key: JSON.stringify(row.labels),
      isBaseline: baseline !== null && row.labels[baseline.axis] === baseline.label,
      best: best.length === 0 ? null : best.reduce((sum, one) => sum + one, 0) / best.length,
      run: own.map(({ id }) => answer.runs[`runs/${id}`]).find(Boolean),
    };
  });
}

function columnsOf({ axes, metric, baseline }: StudyReport, rows: readonly Row[]): Column<Row>[] {
  const share = (value: number | null) => (value === null ? '–' : points(value));
  const number = (
    key: string,
    name: string,
    of: (row: Row) => number | null,
    shown: (row: Row) => string,
  ): Column<Row> => ({
    ...{ key, name, number: true, by: of, cell: shown },
  });
  return [
    ...axes
      .filter(({ seed }) => !seed)
      .map(
        ({ name }): Column<Row> => ({
          key: `axis:${name}`,
          name,
          by: ({ labels }) => labels[name]!,
          cell: ({ labels }) => <span class={labels[name]!.length <= SHORT ? 'one-line' : ''}>{labels[name]}</span>,
        }),
      ),
    number(
      'last',
      `${metric} %, last`,
      ({ mean }) => mean,
      ({ mean }) => share(mean),
    ),
    ...(baseline === null ? [] : differenceColumns(baseline.label, rows)),
    // A run that was judged once has no better evaluation than its last.
    ...(rows.every(({ best, mean }) => best === null || mean === null || Math.abs(best - mean) < 1e-9)
      ? []
      : [
          number(
            'best',
            'best',
            ({ best }) => best,
            ({ best }) => share(best),
          ),
        ]),
    number(
      'sd',
      'sd',
      ({ sd }) => sd,
      ({ sd }) => share(sd),
    ),
    number(
      'n',
      'runs',
      ({ n }) => n,
      ({ n, planned }) => (n === planned ? String(n) : `${n} of ${planned}`),
    ),
    number(
      'seconds',
      'time',
      ({ seconds }) => seconds,
      ({ seconds }) => duration(seconds),
    ),
    number(
      'cpu',
      'CPU time',
      ({ cpuSeconds }) => cpuSeconds ?? null,
      ({ cpuSeconds }) => duration(cpuSeconds ?? null),
    ),
    number(
      'images',
      'training images',
      ({ trainImages }) => trainImages,
      ({ trainImages }) => (trainImages === null ? '–' : String(Math.round(trainImages))),
    ),
  ];
}

function differenceColumns(baseline: string, rows: readonly Row[]): Column<Row>[] {
  const scale = scaleOf(rows.map(({ difference }) => difference));
  const several = comparedWithSeveral(rows);
  const against: Column<Row> = { key: 'against', name: 'against', cell: (row) => row.against ?? '–' };
  return [
    ...(several ? [against] : []),
    {
      key: 'difference',
      name: several ? 'difference' : `against ${baseline}`,
      number: true,
      by: ({ difference }) => difference?.mean ?? null,
      cell: ({ difference }) => (difference ? signed(difference.mean) : '–'),
    },
    {
      key: 'interval',
      name: '95 % interval',
      cell: ({ difference }) =>
        difference?.interval ? (
          <span class="whole">
            {signed(difference.interval[0])} to {signed(difference.interval[1])}
          </span>
        ) : (
          '–'
        ),
    },
    {
      key: 'bar',
      name: 'against zero',
      cell: ({ difference }) => difference && <IntervalBar of={difference} scale={scale} />,
    },
    {
      key: 'verdict',
      name: 'Verdict',
      cell: (row) => {
        if (row.isBaseline) return <span class="soft">baseline</span>;
        if (!row.difference) return '–';
        return <span class="whole">{verdict(row.difference, row) || plain(row.difference.mean)}</span>;
      },
    },
  ];
}

/** Its interval leaves zero out, and nobody expected anything. */
const plain = (mean: number): string => (mean > 0 ? 'better' : 'worse');

import type { StudyAnswer } from '../../../src/studio/answers.ts';
import { points } from '../../../src/study/tables/reportCells.ts';
import type { RunRow, StudyReport } from '../../../src/study/tables/rows.ts';
import { State, type StateName } from '../../ui/basics.tsx';
import { Table } from '../../ui/table.tsx';
import { duration } from '../words.ts';

const STATES: Readonly<Record<RunRow['state'], StateName>> = {
  done: 'done',
  failed: 'failed',
  interrupted: 'interrupted',
  waiting: 'queued',
};

/** Each run with its last and its best evaluation, teachers first. */
export function StudyRuns({ answer, report }: { readonly answer: StudyAnswer; readonly report: StudyReport }) {
  const rows = [
    ...report.teachers.map((row) => ({ row, folder: `teachers/${row.id}` })),
    ...report.runs.map((row) => ({ row, folder: `runs/${row.id}` })),
  ];
  const share = (value: number | null) => (value === null ? '–' : points(value));
  return (
    <>
      <h2>Its runs</h2>
      <Table
        caption="Runs of the study"
        rows={rows}
        keyOf={({ folder }) => folder}
        columns={[
          {
            key: 'run',
            name: 'Run',
            cell: ({ folder }) =>
              answer.runs[folder] ? (
                <a href={`/runs/${answer.runs[folder]}`}>{folder}</a>
              ) : (
                <span class="soft">{folder}</span>
              ),
          },
          { key: 'state', name: 'State', cell: ({ row }) => <State state={STATES[row.state]} /> },
          { key: 'last', name: `${report.metric} %, last`, number: true, cell: ({ row }) => share(row.last) },
          { key: 'best', name: 'best', number: true, cell: ({ row }) => share(row.best) },
          { key: 'time', name: 'Took', number: true, cell: ({ row }) => duration(row.seconds) },
          { key: 'steps', name: 'Steps', number: true, cell: ({ row }) => row.steps ?? '–' },
          { key: 'error', name: 'Why it failed', cell: ({ row }) => <span class="break">{row.error ?? ''}</span> },
        ]}
      />
    </>
  );
}

import { shellWord } from '../../../src/graph/shellWord.ts';
import type { RunSummary, Runs, StudyAnswer } from '../../../src/studio/answers.ts';
import type { StudyReport } from '../../../src/study/tables/rows.ts';
import { tableNotes } from '../../../src/study/tables/reportCells.ts';
import { Empty, Figures, LinkButton, Notice, Progress } from '../../ui/basics.tsx';
import { Action } from '../runActions.tsx';
import { post } from '../server.ts';
import { Top } from '../shell.tsx';
import type { ViewProps } from '../studio.tsx';
import { AdviceParts } from '../study/adviceParts.tsx';
import { StudyRuns } from '../study/studyRuns.tsx';
import { StudyTable } from '../study/studyTable.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

/** A study: what its rows reach, against the baseline, with intervals and what they say; or an advice with its verdict. */
export function StudyView({ parts: { id = '' } }: ViewProps) {
  const answer = useAnswer<StudyAnswer>(`/studies/${id}`, { live: true });
  const runs = useAnswer<Runs>('/runs', { live: true }).value?.runs.filter(({ study }) => study === id) ?? [];
  return (
    <>
      {!answer.value && <Top title="Study" above={[['Studies', '/studies']]} />}
      <Answered answer={answer} waiting="Reading the study…">
        {(found) => (
          <>
            <Top title={found.report?.name ?? found.place.name} above={[['Studies', '/studies']]}>
              <LinkButton href={`/runs?study=${id}`}>All its runs</LinkButton>
            </Top>
            {found.advice && <AdviceParts advice={found.advice} at={found.place.path} runs={found.runs} />}
            {found.report && <Whole answer={found} report={found.report} runs={runs} />}
            {!found.advice && !found.report && (
              <Empty title="Nothing of it is judged yet">
                <p>
                  The table of a study appears here with the first run that ends, and grows with each; the verdict of an
                  advice at its end. Where it was stopped, the same command goes on.
                </p>
                <LinkButton href={`/runs?study=${id}`}>Its runs so far</LinkButton>
              </Empty>
            )}
            <GoOn answer={found} />
          </>
        )}
      </Answered>
    </>
  );
}

interface WholeProps {
  readonly answer: StudyAnswer;
  readonly report: StudyReport;
  readonly runs: readonly RunSummary[];
}

function Whole({ answer, report, runs }: WholeProps) {
  const count = (state: string) => report.runs.filter((run) => run.state === state).length;
  const [done, failed] = [count('done'), count('failed')];
  const going = runs.filter(({ state }) => state === 'running');
  const [first] = going;
  return (
    <>
      {done < report.runs.length && <Progress done={done} of={report.runs.length} label="Runs of the study" />}
      <Figures
        of={[
          ['Finished', String(done), `of ${report.runs.length} runs`],
          ['Running', String(going.length), first && (first.name.split('/').at(-1) as string)],
          ['Failed', String(failed)],
          ['Measured by', report.metric],
          ['Against', report.baseline?.label ?? '–', report.baseline?.axis],
        ]}
      />
      {failed > 0 && (
        <Notice kind="bad" title={`${failed} runs failed`}>
          Why stands beside each below; the same command tries them again.
        </Notice>
      )}
      <StudyTable answer={answer} report={report} />
      {tableNotes(report).map((note) => (
        <p key={note} class="soft small">
          {note}
        </p>
      ))}
      <StudyRuns answer={answer} report={report} />
    </>
  );
}

/** A study goes on by its file, which it keeps. */
function GoOn({ answer: { place, report, file } }: { readonly answer: StudyAnswer }) {
  if (!file) return null;
  const at = place.path || '.';
  const line = `understudy study ${shellWord(`${at}/study.yaml`)} --out ${shellWord(at)}`;
  const all = report?.runs.every(({ state }) => state === 'done') ?? false;
  const request = { command: 'study', positionals: [`${at}/study.yaml`], flags: { out: at } };
  return (
    <div class="actions">
      <Action name={all ? 'Write its tables anew' : 'Go on'} line={line} act={() => post('/jobs', request)} />
    </div>
  );
}

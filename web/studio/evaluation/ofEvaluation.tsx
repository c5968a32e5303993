import type { ComponentChildren, ComponentType } from 'preact';
import type { EvaluationAnswer, RunSummary } from '../../../src/studio/answers.ts';
import { Command, Empty } from '../../ui/basics.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';

export interface EvaluatedProps {
  readonly id: string;
  readonly evaluation: EvaluationAnswer;
}

/** A part of a run's view that needs what it said of each picture; where it says nothing, how it comes to. */
export const ofEvaluation =
  (show: (props: EvaluatedProps) => ComponentChildren): ComponentType<{ readonly run: RunSummary }> =>
  ({ run }) => {
    const answer = useAnswer<{ evaluation: EvaluationAnswer | null }>(`/runs/${run.id}/evaluation`, { live: true });
    return (
      <Answered answer={answer} waiting="Reading what the run said of each picture…">
        {({ evaluation }) => (evaluation ? show({ id: run.id, evaluation }) : <None run={run} />)}
      </Answered>
    );
  };

const None = ({ run: { state, path } }: { readonly run: RunSummary }) => (
  <Empty title="Nothing is known of single pictures">
    <p>
      {state === 'running'
        ? 'The first evaluation writes what the student says of each validation picture; then it is shown here.'
        : 'The run has no predictions.csv: it ended before its first evaluation, is of an older version, or its pictures have several classes. This tells in the terminal how good its model is.'}
    </p>
    {state !== 'running' && <Command line={`understudy eval ${path}`} />}
  </Empty>
);

import type { About, Places, Runs, RunSummary } from '../../../src/studio/answers.ts';
import { Empty, Notice } from '../../ui/basics.tsx';
import { useAnswer } from '../useAnswer.ts';
import { Answered } from '../waiting.tsx';
import { TryModels, type TriedModel } from './tryModels.tsx';

/** The student of a run beside its teacher, where that lies in the studio's folder. */
export function TryRun({ run }: { readonly run: RunSummary }) {
  const known = useAnswer<Runs>('/runs');
  const places = useAnswer<Places>('/places').value;
  const root = useAnswer<About>('/about').value?.root ?? '';
  const student: TriedModel = { name: 'Student', folder: `/api/runs/${run.id}/model` };
  if (run.best === null)
    return (
      <Empty title="There is no model yet">
        <p>The first evaluation of the run keeps its best student; then it can be tried here.</p>
      </Empty>
    );
  return (
    <Answered answer={known} waiting="Looking for the teacher…">
      {({ runs }) => {
        const teacher = teacherOf(run, root, runs, places);
        return (
          <>
            {run.teacher !== null && !teacher && (
              <Notice>
                The teacher ({run.teacher}) is no model of Understudy in this folder, so the student answers alone.
              </Notice>
            )}
            <TryModels models={teacher ? [student, teacher] : [student]} />
          </>
        );
      }}
    </Answered>
  );
}

function teacherOf(
  { teacher }: RunSummary,
  root: string,
  runs: readonly RunSummary[],
  places: Places | undefined,
): TriedModel | undefined {
  const below = teacher?.startsWith(`${root}/`) ? teacher.slice(root.length + 1) : teacher;
  const path = below?.replace(/^\.\//, '').replace(/\/(model\/?)?$/, '');
  const run = runs.find((one) => one.path === path);
  if (run) return { name: `Teacher: ${run.name}`, folder: `/api/runs/${run.id}/model` };
  const model = places?.models.find((one) => one.path === path);
  return model && { name: `Teacher: ${model.name}`, folder: `/api/models/${model.id}/model` };
}

import { Button, Notice } from '../../ui/basics.tsx';
import { Column } from '../column.tsx';
import { advised, missing } from '../missing.ts';
import { project, train, training } from '../state.ts';
import { PlanChoice } from './planChoice.tsx';
import { Progressing } from './progressing.tsx';
import { TeacherChoice } from './teacherChoice.tsx';

export const TrainColumn = () => (
  <Column id="train" number={2} title="Train" hint="A small model learns your classes, here">
    {training.value ? <Progressing of={training.value} /> : <Setup />}
  </Column>
);

/** What is chosen before a training begins. */
export function Setup() {
  const { classes } = project.value!;
  const wanted = missing(classes);
  const advice = advised(classes);
  return (
    <div class="card setup">
      <TeacherChoice />
      <hr />
      <PlanChoice />
      <div class="stack tight">
        <div class="big">
          <Button kind="primary" disabled={wanted !== undefined} onClick={() => void train()}>
            Train
          </Button>
        </div>
        {wanted && <p class="small soft">{wanted}</p>}
        {advice && <Notice kind="info">{advice}</Notice>}
      </div>
    </div>
  );
}

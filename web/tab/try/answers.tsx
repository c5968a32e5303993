import { classColour } from '../pictures/classCard.tsx';
import type { Training } from '../protocol.ts';
import { project } from '../state.ts';
import { milliseconds, percent } from '../words.ts';
import type { Answer } from '../worker/trying.ts';
import { answered, asking } from './asking.ts';

/** What the student says beside its teacher. */
export function Answers({ of: { teacher, state } }: { readonly of: Training }) {
  const answer = answered.value;
  if (!answer)
    return (
      <p class="small soft" role="status">
        {asking.value ? 'Looking…' : 'Nothing shown yet.'}
      </p>
    );
  return (
    <div class="answers">
      <Bars title={state === 'running' ? 'Your model, so far' : 'Your model'} of={answer.student} />
      {teacher && answer.teacher && <Bars title={`Teacher: ${teacher.name}`} of={answer.teacher} />}
    </div>
  );
}

function Bars({ title, of: { best, milliseconds: took } }: { readonly title: string; readonly of: Answer }) {
  const names = project.value!.classes.map(({ name }) => name);
  return (
    <section aria-label={title}>
      <header class="row apart">
        <h3 class="break">{title}</h3>
        <span class="small soft">{milliseconds(took)}</span>
      </header>
      <ol class="bars">
        {best.map(({ class: name, probability }) => (
          <li key={name}>
            <span class="break">{name}</span>
            <span class="bar" aria-hidden="true">
              <span
                class="part"
                style={{ width: `${100 * probability}%`, background: classColour(Math.max(0, names.indexOf(name))) }}
              />
            </span>
            <span class="number">{percent(probability)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

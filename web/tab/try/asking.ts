import { signal } from '@preact/signals';
import type { Training } from '../protocol.ts';
import { trier } from '../state.ts';
import type { Answer } from '../worker/trying.ts';

export interface Answered {
  readonly student: Answer;
  readonly teacher: Answer | null;
}

export const answered = signal<Answered | null>(null);
/** Whether an answer is being worked out, for the first time or anew. */
export const asking = signal(false);

export const clear = (): void => {
  answered.value = null;
};

let model = '';

/** Asks student and teacher about a picture. A training under way has a better model now and then: it is loaded anew. */
export async function ask(training: Training, picture: ImageBitmap): Promise<void> {
  asking.value = true;
  try {
    const now = `${training.name} ${training.state} ${training.best ?? 0}`;
    if (model !== now) await trier().ask('unload');
    model = now;
    const copy = training.teacher ? await createImageBitmap(picture) : undefined;
    const student = await trier().give([picture], 'askStudent', training.name, picture);
    const teacher = copy ? await trier().give([copy], 'askTeacher', training.teacher!, copy) : null;
    answered.value = { student, teacher };
  } finally {
    asking.value = false;
  }
}

import { useRef } from 'preact/hooks';
import { Button } from '../ui/basics.tsx';
import { attempt, clearCurves, keeper, project, refreshRuns } from './state.ts';

/** Deletes everything, after a question. */
export function StartOver() {
  const dialog = useRef<HTMLDialogElement>(null);
  const { classes, training } = project.value!;
  if (classes.length === 0 && !training) return null;
  const forget = () => {
    dialog.current?.close();
    void attempt('pictures', async () => {
      await keeper.ask('forgetAll');
      clearCurves();
      await refreshRuns();
    });
  };
  return (
    <>
      <Button kind="quiet" onClick={() => dialog.current?.showModal()}>
        Start over
      </Button>
      <dialog ref={dialog} class="dialog" aria-labelledby="over">
        <h2 id="over">Delete everything?</h2>
        <p class="soft">
          All pictures, classes and trainings that this page keeps in this browser are deleted. Files that you added
          from folders stay where they are. Download your model first if you want to keep it.
        </p>
        <div class="row end">
          <Button onClick={() => dialog.current?.close()}>Keep everything</Button>
          <Button kind="danger" onClick={forget}>
            Delete everything
          </Button>
        </div>
      </dialog>
    </>
  );
}

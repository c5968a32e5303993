import { Button } from '../../ui/basics.tsx';
import { SelectField } from '../../ui/fields.tsx';
import { Picker } from '../picker.tsx';
import { knows } from '../kind.ts';
import type { Teacher } from '../protocol.ts';
import { attempt, keeper, project, runs } from '../state.ts';
import { modelFolder, onnxFiles, type PickedModel } from './teacherFiles.ts';

const set = (teacher: Pick<Teacher, 'kind' | 'name'> | null, files: Readonly<Record<string, Blob>> = {}) =>
  keeper.ask('setTeacher', teacher, files);

const pick = (read: (files: readonly File[]) => PickedModel) => (files: readonly File[]) =>
  void attempt('train', async () => {
    const { files: model, ...named } = read(files);
    await set(named, model);
  });

const KINDS: Readonly<Record<Teacher['kind'], string>> = {
  folder: 'model folder',
  onnx: 'ONNX file',
  run: 'earlier training',
};

/** A model that teaches the new one, or none. */
export function TeacherChoice() {
  const { teacher } = project.value!;
  return (
    <section class="stack tight" aria-labelledby="teacher">
      <h3 id="teacher">Teacher</h3>
      {teacher ? <Chosen teacher={teacher} /> : <None />}
    </section>
  );
}

const Chosen = ({ teacher }: { readonly teacher: Teacher }) => (
  <div class="chosen">
    <div class="grow">
      <strong class="break">{teacher.name}</strong>
      <div class="small soft">
        {KINDS[teacher.kind]}:{' '}
        {knows(teacher, project.value!.classes)
          ? 'the new model learns from it as well as from your classes'
          : 'it knows other classes than yours, so it learns yours first, from what it sees in your pictures'}
      </div>
    </div>
    <Button kind="quiet" label="Train without a teacher" onClick={() => void attempt('train', () => set(null))}>
      <span aria-hidden="true">✕</span>
    </Button>
  </div>
);

const None = () => (
  <>
    <p class="small soft">
      None: the model learns from your pictures alone. A bigger model that knows the same classes can teach it to be
      better.
    </p>
    <div class="row">
      <Picker folder label="Choose a model folder as the teacher" onPick={pick(modelFolder)}>
        Model folder
      </Picker>
      <Picker several accept=".onnx,.data,.json" label="Choose an ONNX file as the teacher" onPick={pick(onnxFiles)}>
        ONNX file
      </Picker>
    </div>
    {runs.value.length > 0 && (
      <SelectField
        label="Or an earlier training"
        value=""
        options={[['', 'Choose…'], ...runs.value.map((name) => [name, name] as const)]}
        onChange={(name) => name && void attempt('train', () => set({ kind: 'run', name }))}
      />
    )}
  </>
);

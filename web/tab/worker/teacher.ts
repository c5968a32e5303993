import type { ModelSource } from 'understudy/browser';
import type { Teacher } from '../protocol.ts';
import { change, refuseWhileTraining } from './project.ts';
import { list, read, readOfRun, remove, write } from './storage.ts';

/** Keeps a teacher's files, or the name of an earlier training. */
export async function setTeacher(
  teacher: Omit<Teacher, 'convolutional'> | null,
  files: Readonly<Record<string, Blob>>,
): Promise<void> {
  refuseWhileTraining();
  await remove('teacher');
  for (const [name, file] of Object.entries(files)) await write(`teacher/${name}`, file);
  const described = teacher?.kind === 'run' ? await readOfRun(teacher.name, 'config.yaml') : files['config.json'];
  const convolutional = CONVOLUTIONAL.test((await described?.text()) ?? '');
  await change({ teacher: teacher && { ...teacher, convolutional } });
}

/** Of a model folder its config.json, of a run its settings. */
const CONVOLUTIONAL = /"model_type":\s*"(resnet|regnet)|^ +name: (resnet|regnet)/m;

/** As the library takes it. */
export async function teacherSource(teacher: Teacher): Promise<ModelSource> {
  if (teacher.kind === 'run') return teacher.name;
  const files: Record<string, Blob> = {};
  for (const name of await list('teacher')) files[name] = (await read(`teacher/${name}`))!;
  return files;
}

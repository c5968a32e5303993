import { exportModel, type ModelSource } from 'understudy/browser';
import type { Teacher } from '../protocol.ts';
import { change, refuseWhileTraining } from './project.ts';
import { list, read, remove, write } from './storage.ts';

/** Keeps a teacher's files, or the name of an earlier training. @throws Error where its config.json cannot be read. */
export async function setTeacher(
  teacher: Pick<Teacher, 'kind' | 'name'> | null,
  files: Readonly<Record<string, Blob>>,
): Promise<void> {
  refuseWhileTraining();
  const told = teacher && { ...teacher, ...(await describedBy(teacher, files)) };
  await remove('teacher');
  for (const [name, file] of Object.entries(files)) await write(`teacher/${name}`, file);
  await change({ teacher: told });
}

async function describedBy(
  { kind, name }: Pick<Teacher, 'kind' | 'name'>,
  files: Readonly<Record<string, Blob>>,
): Promise<Pick<Teacher, 'convolutional' | 'classes'>> {
  const text =
    kind === 'run'
      ? new TextDecoder().decode((await exportModel(name)).get('config.json'))
      : await files['config.json']?.text();
  try {
    const { model_type: type, id2label = {} } = JSON.parse(text ?? '{}') as Config;
    return { convolutional: /^(resnet|regnet)/.test(type ?? ''), classes: Object.values(id2label) };
  } catch {
    throw new Error(`The config.json of “${name}” is no JSON. Choose the folder as it was exported.`);
  }
}

interface Config {
  readonly model_type?: string;
  readonly id2label?: Readonly<Record<string, string>>;
}

/** As the library takes it. */
export async function teacherSource(teacher: Teacher): Promise<ModelSource> {
  if (teacher.kind === 'run') return teacher.name;
  const files: Record<string, Blob> = {};
  for (const name of await list('teacher')) files[name] = (await read(`teacher/${name}`))!;
  return files;
}

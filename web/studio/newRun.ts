import { isSection, type Settings, valueAt } from '../../src/config/settings.ts';

/** What a new run is asked to be: texts as they stand in the address. */
export interface Wanted {
  readonly data: string;
  readonly teacher: string;
  readonly student: string;
  readonly method: string;
  /** `key=value` for `--set`. */
  readonly set: readonly string[];
}

export function wantedIn(params: URLSearchParams): Wanted {
  const text = (name: string): string => params.get(name) ?? '';
  return {
    data: text('data'),
    teacher: text('teacher'),
    student: text('student'),
    method: text('method'),
    set: setsIn(text('set')),
  };
}

/** Somebody may have written the address by hand. */
function setsIn(text: string): string[] {
  try {
    const found = JSON.parse(text || '[]') as unknown;
    return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

/** The value that is set of a key, as text. */
export const valueSet = ({ set }: Wanted, key: string): string | undefined =>
  set.find((assignment) => assignment.startsWith(`${key}=`))?.slice(key.length + 1);

/** The assignments with another value of a key; '' takes it out. */
export function withValue({ set }: Wanted, key: string, value: string): string[] {
  const others = set.filter((assignment) => !assignment.startsWith(`${key}=`));
  return value === '' ? others : [...others, `${key}=${value}`];
}

/** The command as the server takes it. */
export function requestOf({ data, teacher, student, method, set }: Wanted): object {
  const command = teacher === '' && (method === '' || method === 'supervised') ? 'train' : 'distill';
  const flags = {
    ...(data === '' ? {} : { data }),
    ...(teacher === '' ? {} : { teacher }),
    ...(student === '' ? {} : { [command === 'train' ? 'model' : 'student']: student }),
    ...(command === 'distill' ? { method: method || 'kd' } : {}),
  };
  return { command, flags, set };
}

const NAMED = new Set(['data.dir', 'teacher.ref', 'student.name', 'method']);

/** What another run was asked to be: its names, and each setting that says more than `auto` or nothing. */
export function wantedLike(config: Settings): Wanted {
  const text = (key: string): string => {
    const value = valueAt(config, key);
    return typeof value === 'string' ? value : '';
  };
  const sets = flat(config).flatMap(([key, value]) =>
    NAMED.has(key) || value === 'auto' || value === null
      ? []
      : [`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`],
  );
  return {
    data: text('data.dir'),
    teacher: text('teacher.ref'),
    student: text('student.name'),
    method: text('method'),
    set: sets,
  };
}

function flat(settings: Settings, key = ''): [string, unknown][] {
  return Object.entries(settings).flatMap(([name, value]): [string, unknown][] => {
    const whole = key === '' ? name : `${key}.${name}`;
    return isSection(value) ? flat(value, whole) : [[whole, value]];
  });
}

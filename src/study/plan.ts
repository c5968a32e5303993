import { parseConfig } from '../config/parse.ts';
import { unknownName } from '../graph/names.ts';
import { type RunConfig, type RunInput, runSchema } from '../config/schema.ts';
import { UserError } from '../graph/errors.ts';
import { checkNames } from '../run/training/prepare/checks.ts';
import { type StudyFile, type StudyInput, studySchema } from './schema.ts';
import { overlay, type Settings, valueAt } from '../config/settings.ts';
import { checkImageSets, setsBySeed } from './imageSets.ts';
import { leafKeys, nested } from './settings.ts';

/** A run of a study. */
export interface PlannedRun {
  /** Where it is below the study's folder: `runs/<id>` or `teachers/<name>`. */
  readonly key: string;
  /** The label of each axis; none for a teacher. */
  readonly labels: Readonly<Record<string, string>>;
  /** The whole configuration; a teacher of the study is still `$name`. */
  readonly config: RunConfig;
}

export interface StudyAxis {
  readonly name: string;
  readonly labels: readonly string[];
  /** Its values differ in chance alone (train.seed, data.splitSeed): rows of the table are means over it. */
  readonly seed: boolean;
  /** The share of the training images of each value, where every value sets `data.fraction`: the axis of a learning curve. */
  readonly fractions: readonly number[] | null;
  /** Of each value, where it is expected against the baseline; null where nothing is. */
  readonly expected: readonly ('above' | 'below' | null)[];
  /** Of each value, the label that it is compared with in the baseline's place; absent where there is none. */
  readonly against?: readonly (string | null)[];
  /** Of each value, the line that it is a point of; absent where there is none. */
  readonly lines?: readonly (string | null)[];
}

export interface StudyPlan {
  readonly study: StudyFile;
  readonly axes: readonly StudyAxis[];
  readonly teachers: readonly PlannedRun[];
  readonly runs: readonly PlannedRun[];
  /** The sets of images that the runs and teachers train on, those of single seeds by their own names. */
  readonly images: StudyFile['images'];
  readonly baseline: { readonly axis: string; readonly label: string } | null;
}

interface AxisValue {
  readonly label: string;
  /** The value's part of the run's id. */
  readonly slug: string;
  readonly set: Settings;
  readonly expect: 'above' | 'below' | null;
  readonly against: string | null;
  readonly line: string | null;
}

/** Our choice: more is taken for a slip; each takes memory, and a row of the table. */
const MOST_RUNS = 10_000;

const SEEDS = ['train.seed', 'data.splitSeed'];

/**
 * A study file as its runs: the product of its axes, the first one outermost.
 * @throws UserError for settings that no run could have, before anything is run.
 */
export function planStudy(input: unknown, where: string): StudyPlan {
  const study = parseConfig(studySchema, input as StudyInput, where);
  const base = nested(study.base, `${where}: base`);
  const values = Object.entries(study.axes).map(
    ([name, list]) => [name, list.map((value) => axisValue(name, value, where))] as const,
  );
  const axes = values.map(([name, list]) => axisOf(name, list));
  refuseMany(values, where);
  for (const axis of axes) refuseTwice(axis.labels, `${where}: axes.${axis.name}`);
  const baseline = findBaseline(study, axes, where);
  checkAgainst(axes, baseline, where);
  const names = Object.keys(study.teachers);
  const teachers = Object.entries(study.teachers).map(([name, settings], i) => {
    const own = nested(settings, `${where}: teachers.${name}`);
    const dir = valueAt(own, 'data.dir') ?? valueAt(base, 'data.dir');
    return planned(`teachers/${name}`, {}, overlay({ data: { dir } }, own), names.slice(0, i), where);
  });
  const runs = product(values).map((chosen) => {
    const config = chosen.reduce<Settings>((all, [, { set }]) => overlay(all, set), base);
    const labels = Object.fromEntries(chosen.map(([axis, { label }]) => [axis, label]));
    return planned(`runs/${chosen.map(([, { slug }]) => slug).join('_') || 'run'}`, labels, config, names, where);
  });
  refuseTwice(
    runs.map(({ key }) => key.toLowerCase()),
    `${where}: names of runs, which are made of the labels`,
  );
  checkImageSets(
    study.images,
    names,
    [...teachers, ...runs].map(({ config }) => config),
    where,
  );
  const made = setsBySeed(study.images, [...teachers, ...runs], where);
  return {
    study,
    axes,
    teachers: made.runs.slice(0, teachers.length),
    runs: made.runs.slice(teachers.length),
    images: made.images,
    baseline,
  };
}

/** The teachers' names that a configuration refers to. */
export function teachersOf({ teacher, student }: RunConfig): string[] {
  return [teacher?.ref, student.init].flatMap((ref) => (ref?.startsWith('$') ? [ref.slice(1)] : []));
}

/** The configuration with folders in the place of `$name`. */
export function withTeachers(config: RunConfig, folderOf: (name: string) => string): RunConfig {
  const resolved = (ref: string) => (ref.startsWith('$') ? folderOf(ref.slice(1)) : ref);
  const { teacher, student } = config;
  return {
    ...config,
    teacher: teacher && { ...teacher, ref: resolved(teacher.ref) },
    student: { ...student, init: student.init && resolved(student.init) },
  };
}

function planned(
  key: string,
  labels: PlannedRun['labels'],
  settings: Settings,
  teachers: readonly string[],
  where: string,
): PlannedRun {
  const config = parseConfig(runSchema, settings as unknown as RunInput, `${where}: ${key}`);
  checkNames(config);
  for (const name of teachersOf(config))
    if (!teachers.includes(name))
      throw unknownName(
        'teacher',
        `$${name}`,
        teachers.map((one) => `$${one}`),
      );
  return { key, labels, config };
}

function axisValue(axis: string, value: StudyFile['axes'][string][number], where: string): AxisValue {
  const at = `${where}: axes.${axis}`;
  if (typeof value === 'object') {
    const { label, set, expect = null, against = null, line = null } = value;
    return { label, slug: slug(label), set: nested(set, at), expect, against, line };
  }
  if (!axis.includes('.') && !(axis in runSchema.shape))
    throw new UserError(
      `${at}: plain values need an axis that is a key of a run's configuration, such as train.seed; got "${axis}". Use that key, or values {label: ..., set: {...}}`,
    );
  const last = axis.split('.').at(-1)!;
  const said = { expect: null, against: null, line: null };
  return { label: String(value), slug: slug(`${last}-${value}`), set: nested({ [axis]: value }, at), ...said };
}

function axisOf(name: string, values: readonly AxisValue[]): StudyAxis {
  return {
    name,
    labels: values.map(({ label }) => label),
    seed: values.every(({ set }) => leafKeys(set).every((key) => SEEDS.includes(key))),
    fractions: fractionsOf(values),
    expected: values.map(({ expect }) => expect),
    ...(values.some(({ against }) => against !== null) && { against: values.map(({ against }) => against) }),
    ...(values.some(({ line }) => line !== null) && { lines: values.map(({ line }) => line) }),
  };
}

function fractionsOf(values: readonly AxisValue[]): number[] | null {
  const fractions = values.map(({ set }) => valueAt(set, 'data.fraction'));
  return fractions.every((fraction) => typeof fraction === 'number') ? fractions : null;
}

/** A part of a file name that every system takes. */
const slug = (text: string): string => text.replace(/[^A-Za-z0-9.+=-]+/g, '-').replace(/^[-.]+|-+$/g, '') || 'x';

/** Before the product is made. */
function refuseMany(values: readonly (readonly [string, readonly AxisValue[]])[], where: string): void {
  const count = values.reduce((runs, [, list]) => runs * list.length, 1);
  if (count > MOST_RUNS)
    throw new UserError(
      `${where}: axes: wanted at most ${MOST_RUNS} runs, got ${count}, the product of the axes. Take values out, or make several studies`,
    );
}

function product(axes: readonly (readonly [string, readonly AxisValue[]])[]): (readonly [string, AxisValue])[][] {
  return axes.reduce<(readonly [string, AxisValue])[][]>(
    (all, [name, values]) => all.flatMap((chosen) => values.map((value) => [...chosen, [name, value] as const])),
    [[]],
  );
}

function refuseTwice(names: readonly string[], where: string): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`${where}: wanted different ones, got "${twice}" twice. Rename a label`);
}

function findBaseline({ baseline }: StudyFile, axes: readonly StudyAxis[], where: string): StudyPlan['baseline'] {
  if (baseline === undefined) return null;
  const label = String(baseline);
  const open = axes.filter(({ seed }) => !seed);
  const found = open.filter(({ labels }) => labels.includes(label));
  if (found.length === 1) return { axis: found[0]!.name, label };
  if (found.length === 0)
    throw unknownName(
      `${where}: baseline`,
      label,
      open.flatMap(({ labels }) => labels),
    );
  throw new UserError(
    `${where}: baseline: wanted a label of one axis, got "${label}" of ${found.map(({ name }) => name).join(' and ')}. Rename one`,
  );
}

function checkAgainst(axes: readonly StudyAxis[], baseline: StudyPlan['baseline'], where: string): void {
  for (const { name, labels, against = [] } of axes)
    for (const [i, other] of against.entries()) {
      if (other === null) continue;
      if (baseline?.axis !== name)
        throw new UserError(
          `${where}: axes.${name}: against needs a baseline on this axis; set baseline to a label of it`,
        );
      if (!labels.includes(other)) throw unknownName(`${where}: axes.${name}: ${labels[i]}: against`, other, labels);
      if (other === labels[i])
        throw new UserError(`${where}: axes.${name}: against: wanted another label than its own, "${other}"`);
    }
}

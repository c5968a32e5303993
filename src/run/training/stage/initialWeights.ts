import { UserError } from '../../../graph/errors.ts';
import { sameShape, showShape, sizeOf } from '../../../graph/shape.ts';
import { classAxis, type Model, type ModelConfig } from '../../../models/index.ts';
import { modelParams } from '../../../program/evalProgram.ts';
import { positionsFor } from '../../../formats/fitPositions.ts';
import type { Weight } from '../../../formats/tensors/weight.ts';
import type { UnstampedEvent } from '../../../train/events.ts';
import type { RunParts } from './spec.ts';
import type { LoadedModel } from '../../models/loaded.ts';

export interface TakenOver {
  readonly weights: Map<string, Weight>;
  /** The head is taken over too: it knows all classes. */
  readonly keepsHead: boolean;
  /** What is done with the head, where that is worth a word. */
  readonly head?: string;
  /** What begins anew below the head, since the model lacks it. */
  readonly fresh: readonly string[];
}

/**
 * The weights that a student takes over from a model by name. The rows of the head are those of its classes, by name; where the
 * model lacks one of them, the head begins anew, as does what else the model lacks.
 * @throws UserError where a weight of that name has another shape.
 */
export function initialWeights(init: LoadedModel, student: Model, classes: readonly string[]): TakenOver {
  // A network without a head that could get other classes is taken over whole.
  const whole = student.heads?.size === 0 ? classes.map((_, i) => i) : undefined;
  const rows = whole ?? headRows(init.classes, classes);
  const shapes = new Map(modelParams(student).map(({ name, shape }) => [name, shape]));
  const kept = [...(isFresh(init) ? [] : fitted(init, student))].flatMap(([name, weight]): [string, Weight][] => {
    if (!shapes.has(name)) return [];
    const axis = classAxis(student, name);
    if (axis === undefined) return [[name, weight]];
    return rows ? [[name, takeRows(weight, rows, axis)]] : [];
  });
  const wrong = kept.filter(([name, { shape }]) => !sameShape(shape, shapes.get(name)!));
  if (wrong.length > 0) {
    const lines = wrong.map(
      ([name, { shape }]) => `- ${name} ${showShape(shapes.get(name)!)}\n+ ${name} ${showShape(shape)}`,
    );
    const why = wrong.some(([name]) => name === 'pos_embed')
      ? ` Positions fit one set of tokens only: the same tokens keep them.`
      : '';
    throw new UserError(
      `${init.path}: these weights do not fit the student (- wanted, + in the file):\n${lines.join('\n')}\nLeave out the settings that change its shape.${why}`,
    );
  }
  const weights = new Map(kept);
  const fresh = [...shapes.keys()].filter((name) => classAxis(student, name) === undefined && !weights.has(name));
  return { weights, keepsHead: rows !== undefined, ...(whole ? {} : headNote(rows, init, classes)), fresh };
}

/** Of a user's own network the graph alone is taken where that is asked for. */
const isFresh = ({ model }: LoadedModel): boolean => model.family === 'onnx' && 'fresh' in model && model.fresh;

/**
 * The place of each class among the model's own, by name. Our choice: undefined, so that the head begins anew, where one is
 * missing, since a head of trained and random rows would favour the former.
 */
function headRows(own: readonly string[], classes: readonly string[]): number[] | undefined {
  const places = new Map(own.map((name, i) => [name, i]));
  const rows = classes.map((name) => places.get(name));
  return classes.length > 0 && rows.every((row) => row !== undefined) ? rows : undefined;
}

/** The classes along an axis, in this order: `rows` of [K,...] for the first one. */
function takeRows(weight: Weight, rows: readonly number[], axis: number): Weight {
  const count = weight.shape[axis]!;
  // A bias of one number is that of all classes.
  if (count === 1 || (rows.length === count && rows.every((row, i) => row === i))) return weight;
  const inner = sizeOf(weight.shape.slice(axis + 1));
  const outer = sizeOf(weight.shape.slice(0, axis));
  const data = new Float32Array(outer * rows.length * inner);
  for (let o = 0; o < outer; o++)
    for (const [i, row] of rows.entries()) {
      const from = (o * count + row) * inner;
      data.set(weight.data.subarray(from, from + inner), (o * rows.length + i) * inner);
    }
  return { shape: weight.shape.map((n, at) => (at === axis ? rows.length : n)), data };
}

function headNote(
  rows: readonly number[] | undefined,
  init: LoadedModel,
  classes: readonly string[],
): { head?: string } {
  if (classes.length === 0) return {};
  if (!rows) return { head: `a new head for ${classes.length} classes` };
  if (rows.length < init.classes.length)
    return { head: `its head's rows of ${rows.length} of its ${init.classes.length} classes, by name` };
  return rows.every((row, i) => row === i) ? {} : { head: "its head's rows in the order of the data's classes" };
}

/** The weights, with position embeddings resized where the student has the same tokens and another input side. */
function fitted(init: LoadedModel, student: Model): ReadonlyMap<string, Weight> {
  const position = init.weights.get('pos_embed');
  const config = { family: student.family, ...student.config } as ModelConfig;
  if (config.family !== init.model.family || !position) return init.weights;
  const built: Readonly<Record<string, unknown>> = config;
  const held: Readonly<Record<string, unknown>> = init.model;
  const same = ['kind', 'classToken', 'distToken', 'posEmbedOnPatchesOnly', 'patchSize'].every(
    (key) => built[key] === held[key],
  );
  const resized = same ? positionsFor(config, position) : undefined;
  return resized ? new Map([...init.weights, ['pos_embed', resized.weight]]) : init.weights;
}

/** The state that a run starts from: that of `init`, or nothing, so that the initialisers fill it. */
export function initialState(
  { student, data }: Pick<RunParts, 'student' | 'data'>,
  init: LoadedModel | undefined,
  emit: (event: UnstampedEvent) => void,
): Map<string, Weight> {
  if (!init) return new Map();
  const { weights, head } = initialWeights(init, student, student.classes === 0 ? [] : data.classes);
  const message = isFresh(init)
    ? `the graph of ${init.path} with random weights`
    : `weights from ${init.path}${head === undefined ? '' : `; ${head}`}`;
  emit({ type: 'note', message });
  return new Map([...weights].map(([name, weight]) => [`param.${name}`, weight]));
}

import { UserError } from '../graph/errors.ts';
import { sameShape, showShape } from '../graph/shape.ts';
import { isHead, type Model, type ModelConfig } from '../models/index.ts';
import { modelParams } from '../program/evalProgram.ts';
import { positionsFor } from '../formats/foreignModelNode.ts';
import type { Weight } from '../formats/modelFolderNode.ts';
import type { UnstampedEvent } from '../train/events.ts';
import type { RunParts } from './buildStage.ts';
import type { LoadedModel } from './modelReference.ts';

export interface TakenOver {
  readonly weights: Map<string, Weight>;
  /** The head is taken over too: the classes are the same. */
  readonly sameHead: boolean;
  /** What begins anew below the head, since the model lacks it. */
  readonly fresh: readonly string[];
}

/**
 * The weights that a student takes over from a model by name; a head for other classes begins anew, and so does what the model
 * lacks.
 * @throws UserError where a weight of that name has another shape.
 */
export function initialWeights(init: LoadedModel, student: Model, classes: readonly string[]): TakenOver {
  const sameHead = init.classes.length === classes.length && init.classes.every((name, i) => name === classes[i]);
  const shapes = new Map(modelParams(student).map(({ name, shape }) => [name, shape]));
  const kept = [...fitted(init, student)].filter(([name]) => shapes.has(name) && (sameHead || !isHead(name)));
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
  return { weights, sameHead, fresh: [...shapes.keys()].filter((name) => !isHead(name) && !weights.has(name)) };
}

/** The weights, with position embeddings resized where the student has the same tokens and another input side. */
function fitted(init: LoadedModel, student: Model): ReadonlyMap<string, Weight> {
  const position = init.weights.get('pos_embed');
  const config = { family: student.family, ...student.config } as ModelConfig;
  if (config.family !== 'vit' || init.model.family !== 'vit' || !position) return init.weights;
  const same = (['classToken', 'distToken', 'posEmbedOnPatchesOnly', 'patchSize'] as const).every(
    (key) => config[key] === (init.model as typeof config)[key],
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
  const { weights, sameHead } = initialWeights(init, student, data.classes);
  const head = sameHead ? '' : `; a new head for ${data.classes.length} classes`;
  emit({ type: 'note', message: `weights from ${init.path}${head}` });
  return new Map([...weights].map(([name, weight]) => [`param.${name}`, weight]));
}

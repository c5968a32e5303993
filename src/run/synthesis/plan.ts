import type { SynthesisSettings } from '../../config/synthesis.ts';
import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import { permutation, stream } from '../../random/stream.ts';

/** A batch of images that are made together, apart from all others. */
export interface PlannedBatch {
  readonly index: number;
  /** Of all its random draws. */
  readonly seed: number;
  /** Index, among the teacher's classes, of each image's class. */
  readonly labels: Int32Array;
  /** Which of its images are kept: the last batches may make more than is asked for. */
  readonly kept: readonly boolean[];
}

export interface SynthesisPlan {
  readonly batches: readonly PlannedBatch[];
  /** Names of the classes that images are made of. */
  readonly classes: readonly string[];
  readonly perClass: number;
  readonly batchSize: number;
}

/** Fewer of a class and the nearest positive is the farthest one too, or there is none. */
const FEWEST = { fill: 3, expand: 2 } as const;

/**
 * Splits the images over batches of K classes x M images. The batches of all classes come in turn, so that a set that is not
 * finished is balanced.
 * @throws UserError for classes that the teacher lacks, or batches that the settings cannot work with.
 */
export function planSynthesis(
  known: readonly string[],
  wanted: readonly string[] | undefined,
  images: number,
  settings: SynthesisSettings,
): SynthesisPlan {
  const classes = wanted ?? known;
  for (const name of classes) if (!known.includes(name)) throw unknownName('class', name, known);
  const twice = classes.find((name, i) => classes.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`--classes: wanted different classes, got "${twice}" twice`);
  for (const name of classes)
    if (name === '' || name.startsWith('.') || /[/\\]/.test(name))
      throw new UserError(`class "${name}": wanted a name that a folder can have; leave it out with --classes`);
  const perClass = Math.ceil(images / classes.length);
  const inBatch = Math.min(settings.classesPerBatch, classes.length);
  const each = settings.imagesPerClass;
  checkBatch(settings, inBatch, each);
  const order = [...permutation(classes.length, stream(settings.seed, 'synthesis classes'))].map((i) => classes[i]!);
  const groups = Array.from({ length: Math.ceil(order.length / inBatch) }, (_, g) =>
    order.slice(g * inBatch, (g + 1) * inBatch),
  );
  const rounds = Math.ceil(perClass / each);
  const batches = Array.from({ length: rounds * groups.length }, (_, index) => plannedBatch(index));
  return { batches, classes, perClass, batchSize: inBatch * each };

  function plannedBatch(index: number): PlannedBatch {
    const group = groups[index % groups.length]!;
    const done = Math.floor(index / groups.length) * each;
    // A last group that is too small borrows classes; what it makes of these is not kept.
    const members = [...group, ...order.filter((name) => !group.includes(name))].slice(0, inBatch);
    const places = Array.from({ length: inBatch * each }, (_, i) => ({ of: Math.floor(i / each), nth: i % each }));
    return {
      index,
      seed: stream(settings.seed, 'synthesis', index).uint32(),
      labels: Int32Array.from(places, ({ of }) => known.indexOf(members[of]!)),
      kept: places.map(({ of, nth }) => of < group.length && done + nth < perClass),
    };
  }
}

function checkBatch({ bpid, bpidVariant }: SynthesisSettings, classes: number, each: number): void {
  if (bpid === 0) return;
  if (each < FEWEST[bpidVariant])
    throw new UserError(
      `imagesPerClass: bpid with variant ${bpidVariant} wants ${FEWEST[bpidVariant]} images of a class in a batch or more (4 or more are better), got ${each}; set imagesPerClass`,
    );
  if (bpidVariant === 'expand' && classes < 2)
    throw new UserError(
      'classesPerBatch: bpid with variant expand is bounded by the other classes of a batch, and there is one class alone; set classesPerBatch, or bpidVariant=fill',
    );
}

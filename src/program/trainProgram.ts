import { input, inputName, isInput } from '../graph/build.ts';
import { withLabel } from '../graph/scope.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import type { Terms } from '../methods/method.ts';
import { classAxis, type Features, type Model } from '../models/index.ts';
import { inputStore, type NoiseSpec, type ParamSpec, type ScheduledSpec, Scope } from '../nn/scope.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { concat, reshape } from '../ops/movement.ts';
import { globalNorm } from '../optim/clip.ts';
import type { OptimParam, Transform } from '../optim/transform.ts';
import { balancedTerms, type BalanceForm, balanceWeights } from './balanced.ts';
import { kept } from './kept.ts';
import { closeProgram, type Program } from './program.ts';
import { sharedGrad } from './sharedGrad.ts';
import { readsItsChanges, type UpdateParts, updateParts } from './updateParts.ts';
import { layOut, trainedOf, type Vector, vectorPorts } from './state.ts';
import { fedFeatures } from './teacherPorts.ts';

/** What a step optimises: terms of a loss over whatever parameters the build asks for, be it a network's weights or images. */
export interface StepSpec {
  readonly terms: (scope: Scope) => Terms;
  readonly optimiser: Transform;
  /** Micro-batches to an update; their gradients are averaged. */
  readonly accumulate: number;
  /** Keep an exponential moving average of the parameters and buffers; not of what methods remember. */
  readonly ema: boolean;
  /** Weights of terms that replace their own; terms with weight "auto" (NaN) need one here. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Weighs the terms by shares that are fed, in place of their weights. A single term is not balanced. Default: none is. */
  readonly balance?: BalanceForm | undefined;
  /** Puts a vector's new value back where it may be, after the optimiser's update. Default: what its parameters are kept to. */
  readonly project?: (vector: Vector, after: Tensor, before: Tensor) => Tensor;
  /** Parameters, by name, that the step reads and leaves as they are. Default: none. */
  readonly frozen?: (name: string) => boolean;
}

/** A step that trains a student. */
export interface TrainSpec extends Omit<StepSpec, 'terms' | 'project' | 'frozen'> {
  /** Images in a micro-batch. */
  readonly batch: number;
  readonly student: Model;
  /**
   * `head`: a linear probe. The classifier alone is trained; the network below it computes as in evaluation. Default: all
   * parameters.
   */
  readonly trains?: 'all' | 'head';
  /** The frozen teacher's features: ports (teacherPorts.ts), or built on the student's pixels [B,3,S,S]. */
  readonly teacher?: (pixels: Tensor) => Features;
  readonly loss: (context: {
    scope: Scope;
    student: Features;
    teacher: Features | undefined;
    targets: Tensor;
  }) => Terms;
  readonly pixels: readonly [channels: number, height: number, width: number];
}

/** One training step as programs, and what the host must feed. Outputs `next.X` are the values of the inputs `X` at the next step. */
export interface TrainProgram {
  /** One micro-batch: adds its gradient to `acc.*`. Only where gradients are accumulated over several. */
  readonly accumulate: Program | undefined;
  /** The (last) micro-batch and the update. */
  readonly update: Program;
  /**
   * The same in parts, for micro-batches that are computed beside each other; undefined where a micro-batch reads what the one before
   * it changed (what a method remembers). Built when called.
   */
  readonly inParts: (() => UpdateParts) | undefined;
  readonly vectors: readonly Vector[];
  /** Optimiser state by name, with its shape; starts at zero. */
  readonly slots: ReadonlyMap<string, readonly number[]>;
  readonly noises: readonly NoiseSpec[];
  /** Numbers that change with the epoch: inputs `scalar.<name>`. */
  readonly schedules: readonly ScheduledSpec[];
  /** Names of the loss terms, which are outputs `term.<name>`; with their weights. */
  readonly weights: Readonly<Record<string, number>>;
  /** Of the terms whose weight rises: over how many epochs. */
  readonly rises: Readonly<Record<string, number>>;
  /** Terms whose weight follows from a share that is fed; it is the output `weight.<name>`. */
  readonly balanced: readonly string[];
  readonly scalars: Transform['scalars'];
}

/** Parameters of the student and of the method, in the order in which they are declared. */
export function collectParams(spec: TrainSpec | StepSpec): ParamSpec[] {
  const store = inputStore();
  buildLoss(stepOf(spec), new Scope(store, true));
  return [...store.params.values()];
}

/** The names of the teacher's features that the loss reads. */
export function readFeatures(spec: TrainSpec): string[] {
  const { terms } = buildLoss(stepOf(spec), new Scope(inputStore(), true));
  const nodes = topologicalOrder(Object.values(terms).map(({ value }) => value));
  return fedFeatures(nodes.filter(({ outputs }) => isInput(outputs[0]!)).map(({ outputs }) => inputName(outputs[0]!)));
}

/** The terms of the loss with what weighs them, by name. */
export const lossTerms = (spec: TrainSpec): Terms => buildLoss(stepOf(spec), new Scope(inputStore(), true)).terms;

/** The trainable set is what `terms` declares: here the student's weights and the method's own. */
function stepOf(spec: TrainSpec | StepSpec): StepSpec {
  if ('terms' in spec) return spec;
  const probes = spec.trains === 'head';
  const terms = (scope: Scope): Terms => {
    const pixels = input('batch.pixels', [spec.batch, ...spec.pixels]);
    const targets = input('batch.targets', [spec.batch, spec.student.classes]);
    const student = spec.student.build(probes ? scope.evaluating() : scope, pixels);
    const teacher = spec.teacher && withLabel('teacher', () => spec.teacher!(pixels));
    return scope.in('method', (scope) => spec.loss({ scope, student, teacher, targets }));
  };
  return {
    ...spec,
    terms,
    ...(probes ? { frozen: (name: string) => classAxis(spec.student, name) === undefined } : {}),
  };
}

/** Weights that rise over so many epochs share a scalar, which is fed with the part that there is of them. */
export const riseName = (epochs: number): string => `rise${epochs}`;

interface BuiltLoss {
  readonly loss: Tensor;
  readonly terms: Terms;
  /** Of balanced terms: what weighs them, by name. */
  readonly balanced: ReadonlyMap<string, Tensor>;
}

function buildLoss(spec: StepSpec, scope: Scope): BuiltLoss {
  const terms = spec.terms(scope);
  const weighed = Object.fromEntries(
    Object.entries(terms).map(([name, term]) => [name, { ...term, weight: spec.weights?.[name] ?? term.weight }]),
  );
  const rises = new Map<number, Tensor>();
  const risen = (rise: number) => {
    const port = rises.get(rise) ?? input(`scalar.${riseName(rise)}`, []);
    rises.set(rise, port);
    return port;
  };
  const balanced = new Map<string, Tensor>();
  const loss = withLabel('method', () => {
    for (const [name, weight] of spec.balance ? balanceWeights(weighed, spec.balance) : []) {
      const { rise } = weighed[name]!;
      balanced.set(name, rise === undefined ? weight : mul(weight, risen(rise)));
    }
    return Object.entries(weighed)
      .map(([name, { value, weight, rise }]) => {
        if (balanced.has(name)) return mul(value, balanced.get(name)!);
        const whole = mul(value, weight);
        return rise === undefined ? whole : mul(whole, risen(rise));
      })
      .reduce((a, b) => add(a, b));
  });
  return { loss, terms: weighed, balanced };
}

/** The loss over the state vectors' ports. */
export function buildStep(spec: TrainSpec | StepSpec, vectors: readonly Vector[], training = true) {
  const { ports, params } = vectorPorts(vectors);
  const store = inputStore('', ({ name }) => params.get(name));
  return { ports, params, store, ...buildLoss(stepOf(spec), new Scope(store, training)) };
}

export function trainProgram(given: TrainSpec | StepSpec): TrainProgram {
  const spec = stepOf(given);
  const vectors = layOut(collectParams(spec), spec.frozen, spec.optimiser.apart);
  const { ports, params, store, loss, terms, balanced } = buildStep(spec, vectors);
  const trained = trainedOf(vectors);
  const gradients = flatGradients(loss, trained, params, spec.accumulate);
  const told = new Map<string, Tensor>([['loss', loss]]);
  for (const [name, term] of Object.entries(terms)) told.set(`term.${name}`, term.value);
  for (const [name, weight] of balanced) told.set(`weight.${name}`, weight);
  const changes = new Map(changed(vectors, params, store.updates));
  const common = new Map([...told, ...changes]);
  const optimParams: OptimParam[] = trained.map(({ name, entries }) => ({
    name,
    value: ports.get(name)!,
    decay: name !== 'plain',
    apart: name === 'apart',
    parts: entries.map(({ spec, offset }) => ({
      name: spec.name,
      offset,
      size: sizeOf(spec.shape),
      shape: spec.shape,
    })),
  }));
  const slots = new Map(spec.optimiser.slots(optimParams).map(({ name, shape }) => [name, shape]));
  const sums =
    spec.accumulate > 1 ? gradients.map((g, i) => add(g, input(`acc.${trained[i]!.name}`, g.shape))) : gradients;
  const updateFrom = (sums: readonly Tensor[], changes: ReadonlyMap<string, Tensor>) =>
    withLabel('optimiser', () => buildUpdate(spec, trained, optimParams, sums, slots, ports, changes));
  const after = updateFrom(sums, changes);
  const remembered = [...store.updates.keys()].map((name) => params.get(name)!);
  const accumulated = new Map([
    ...common,
    ...sums.map((sum, i): [string, Tensor] => [`next.acc.${trained[i]!.name}`, sum]),
  ]);
  const update = closeProgram(new Map([...common, ...after]));
  return {
    accumulate: spec.accumulate > 1 ? closeProgram(accumulated) : undefined,
    update,
    inParts: readsItsChanges([...told.values(), ...gradients], remembered)
      ? undefined
      : () => updateParts({ told, changed: changes, trained, gradients, updateFrom }),
    vectors,
    slots,
    noises: usedNoises(update, store.noises),
    schedules: usedSchedules(update, store.schedules),
    weights: Object.fromEntries(Object.entries(terms).map(([name, { weight }]) => [name, weight])),
    rises: Object.fromEntries(
      Object.entries(terms).flatMap(([name, { rise }]) => (rise === undefined ? [] : [[name, rise]])),
    ),
    balanced: spec.balance ? balancedTerms(terms) : [],
    scalars: spec.optimiser.scalars,
  };
}

/** The masks that the program reads: those of features that no loss uses are not drawn. */
export function usedNoises(program: Program, noises: ReadonlyMap<string, NoiseSpec>): NoiseSpec[] {
  return [...noises.values()].filter(({ name }) => program.inputs.has(`noise.${name}`));
}

/** The numbers of the epoch that the program reads. */
export function usedSchedules(program: Program, schedules: ReadonlyMap<string, ScheduledSpec>): ScheduledSpec[] {
  return [...schedules.values()].filter(({ name }) => program.inputs.has(`scalar.${name}`));
}

/** The gradient of each trained vector, divided by the number of micro-batches. */
function flatGradients(
  loss: Tensor,
  trained: readonly Vector[],
  params: ReadonlyMap<string, Tensor>,
  share: number,
): Tensor[] {
  const entries = trained.flatMap((vector) => vector.entries);
  const gradients = sharedGrad(
    share === 1 ? loss : mul(loss, 1 / share),
    entries.map(({ spec }) => params.get(spec.name)!),
  );
  let next = 0;
  return trained.map((vector) => {
    const parts = vector.entries.map(({ spec }) => reshape(gradients[next++]!, [sizeOf(spec.shape)]));
    return withLabel('optimiser', () => concat(parts, 0));
  });
}

/** The next value of each vector that the forward pass changes a part of, as `next.param.<vector>`. */
function changed(
  vectors: readonly Vector[],
  params: ReadonlyMap<string, Tensor>,
  updates: ReadonlyMap<string, Tensor>,
): [port: string, value: Tensor][] {
  const written = vectors.filter(({ entries }) => entries.some(({ spec }) => updates.has(spec.name)));
  return written.map(({ name, entries }) => {
    const parts = entries.map(({ spec }) =>
      reshape(updates.get(spec.name) ?? params.get(spec.name)!, [sizeOf(spec.shape)]),
    );
    return [`next.param.${name}`, concat(parts, 0)];
  });
}

function buildUpdate(
  { optimiser, ema, project = kept }: StepSpec,
  vectors: readonly Vector[],
  params: readonly OptimParam[],
  gradients: readonly Tensor[],
  slots: ReadonlyMap<string, readonly number[]>,
  ports: ReadonlyMap<string, Tensor>,
  changes: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const slotPorts = new Map([...slots].map(([name, shape]) => [name, input(`slot.${name}`, shape)]));
  const names = Object.keys(optimiser.scalars({ step: 1, lr: 0 }));
  const scalars = Object.fromEntries(names.map((name) => [name, input(`scalar.${name}`, [])]));
  const { updates, slots: after } = optimiser.update(gradients, params, slotPorts, scalars);
  const out = new Map<string, Tensor>([['gradNorm', globalNorm(gradients)]]);
  params.forEach(
    ({ name, value }, i) => void out.set(`next.param.${name}`, project(vectors[i]!, add(value, updates[i]!), value)),
  );
  for (const [name, value] of after) out.set(`next.slot.${name}`, value);
  if (!ema) return out;
  const rate = input('scalar.emaRate', []);
  // What a method remembers is no weight.
  for (const name of [...ports.keys()].filter((vector) => vector !== 'state')) {
    const [average, now] = [
      input(`ema.${name}`, ports.get(name)!.shape),
      out.get(`next.param.${name}`) ?? changes.get(`next.param.${name}`) ?? ports.get(name)!,
    ];
    out.set(`next.ema.${name}`, add(average, mul(sub(now, average), rate)));
  }
  return out;
}

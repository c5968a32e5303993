import { fitLogistic } from '../../../analysis/logistic.ts';
import { fitRidge, type FittedHead } from '../../../analysis/ridge.ts';
import type { RunConfig } from '../../../config/schema.ts';
import { type ImageList, select } from '../../../data/dataset.ts';
import { showPlaces } from '../../../data/places.ts';
import type { Weight } from '../../../formats/tensors/weight.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  float32Tensor,
  toFloat32,
} from '../../../formats/tensors/safetensors.ts';
import { UserError } from '../../../graph/errors.ts';
import { sizeOf } from '../../../graph/shape.ts';
import type { Host, Platform } from '../../../host/host.ts';
import type { MethodTable } from '../../../methods/index.ts';
import { classAxis, type Model } from '../../../models/index.ts';
import { type ParamSpec, ZEROS } from '../../../nn/scope.ts';
import { affine } from '../../../nn/layers.ts';
import { type NetworkConfig, networkOf } from '../../../onnx/network.ts';
import { modelParams } from '../../../program/evalProgram.ts';
import { type RunData, trainLabelled } from '../../datasets/runData.ts';
import { evalTransform } from '../../datasets/preprocess.ts';
import type { LoadedModel, OwnModel } from '../../models/loaded.ts';
import { planStages } from '../../plan/stages.ts';
import { teacherProgram } from '../../teacher/features.ts';
import { spread } from '../../teacher/precision.ts';
import { EmbeddedImages } from '../course/embeddedImages.ts';
import type { RunInputs } from './assemble.ts';

/** Where a run keeps the heads that it fitted, by what they are of. */
const FILE = { teacher: 'teacherHead.safetensors', student: 'studentHead.safetensors' } as const;
type Role = keyof typeof FILE;

/** Our choice: training images that a head is fitted on at most; a pass over them is what it costs. */
const IMAGES = 20_000;
const BATCH = 16;
/** Epochs that any number of stages fits into: only the methods and their settings are looked at. */
const ENOUGH = 1_000_000;

/** What was fitted, to be written with the run. */
export interface FittedHeads {
  readonly inputs: RunInputs;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Gives a teacher without the data's classes a head for them where a method reads its logits (`teacher.fitHead`), and the model that the
 * student starts from (`student.fitHead`): a ridge regression of the labels on its embeddings, in closed form, or a logistic one. A run that is gone on with
 * reads what it fitted.
 * @throws UserError where there are no labels of one class an image, or no embedding.
 */
export async function withFittedHeads(
  host: Platform & Pick<Host, 'files'>,
  config: RunConfig,
  inputs: RunInputs,
  methods: MethodTable | undefined,
): Promise<FittedHeads> {
  const { data } = inputs;
  const files = new Map<string, Uint8Array>();
  const heads = new Map<Role, FittedHead>();
  for (const [role, model] of wanted(config, inputs, methods)) {
    const kept = await host.files.read(FILE[role]);
    const head = kept ? decoded(kept, FILE[role]) : await fitted(host, config, model, data, FITS[byOf(config, role)]);
    heads.set(role, head);
    files.set(FILE[role], encoded(head));
  }
  return { inputs: withHeads(inputs, heads), files };
}

/** The same inputs with heads of zeros where some would be fitted: enough to plan a run, or to describe one that is done. */
export function withPlannedHeads(config: RunConfig, inputs: RunInputs, methods?: MethodTable): RunInputs {
  const zeros = wanted(config, inputs, methods).map(([role, model]): [Role, FittedHead] => {
    const [K, D] = [inputs.data.classes.length, widthOf(model)];
    return [
      role,
      { by: byOf(config, role), weight: new Float32Array(K * D), bias: new Float32Array(K), lambda: 0, heldOut: 0 },
    ];
  });
  return zeros.length === 0 ? inputs : withHeads(inputs, new Map(zeros));
}

/** The models of a run that get a head. */
function wanted(
  config: RunConfig,
  { data, teacher, init }: RunInputs,
  methods: MethodTable | undefined,
): [Role, LoadedModel][] {
  const given = config.student.fitHead !== 'none';
  if (given && !init)
    throw new UserError(
      'student.fitHead: wanted a model to start from, whose embedding a head is fitted on, got none; give one with --init REF (student.init)',
    );
  if (given && config.student.settings.fresh === true)
    throw new UserError(
      'student.fitHead: wanted weights that its head is fitted to, got student.settings.fresh=true, which begins with random ones. Leave out one of the two',
    );
  const found: [Role, LoadedModel][] = [
    ...(teacher && wantsTeacherHead(config, teacher, data, methods)
      ? [['teacher', teacher] as [Role, LoadedModel]]
      : []),
    ...(given ? [['student', init!] as [Role, LoadedModel]] : []),
  ];
  for (const [role, model] of found) checkFit(`${role}.fitHead`, config, data, model);
  return found;
}

function withHeads({ data, teacher, init }: RunInputs, heads: ReadonlyMap<Role, FittedHead>): RunInputs {
  const [taught, started] = [heads.get('teacher'), heads.get('student')];
  return {
    data,
    teacher: teacher && taught ? withHead(teacher, data.classes, taught) : teacher,
    init: init && started ? ownWithHead(init, data.classes, started) : init,
  };
}

function checkFit(setting: string, config: RunConfig, data: RunData, { network, path }: LoadedModel): void {
  if (!trainLabelled(data) || data.multilabel)
    throw new UserError(
      `${setting}: wanted labels of one class an image, got ${trainLabelled(data) ? 'several' : 'none'} (${showPlaces(config.data.dir)}). Set ${setting}=none; --method embed needs neither classes nor labels`,
    );
  if (!network.features.includes('embedding'))
    throw new UserError(
      `${setting}: wanted a model with an embedding, got ${path}, which has ${network.features.join(', ')}. Set ${setting}=none`,
    );
}

/** `auto`: where it has no classifier at all; other classes may be a slip of the pen, so that a head for them is to be asked for. */
function wantsTeacherHead(
  config: RunConfig,
  teacher: LoadedModel,
  data: RunData,
  methods: MethodTable | undefined,
): boolean {
  const mode = config.teacher?.fitHead ?? 'none';
  const classless = !teacher.network.features.includes('logits');
  if (mode === 'none' || (mode === 'auto' && !(classless && trainLabelled(data) && !data.multilabel))) return false;
  const stages = planStages(config, ENOUGH, 1, undefined, methods);
  return stages.some(({ method, settings }) => method.needs(settings).teacher.includes('logits'));
}

const FITS = { ridge: fitRidge, logistic: fitLogistic } as const;

/** A ridge regression unless the other one is asked for. */
const byOf = (config: RunConfig, role: Role): FittedHead['by'] =>
  (role === 'teacher' ? config.teacher?.fitHead : config.student.fitHead) === 'logistic' ? 'logistic' : 'ridge';

async function fitted(
  platform: Platform,
  config: RunConfig,
  model: LoadedModel,
  data: RunData,
  regress: (typeof FITS)[FittedHead['by']],
): Promise<FittedHead> {
  const list = select(data.train, spread(data.train.paths.length, IMAGES));
  const rows = await embedded(platform, config, model, list);
  return regress(rows.labelled(list), data.classes.length);
}

async function embedded(platform: Platform, config: RunConfig, model: LoadedModel, list: ImageList) {
  const batch = Math.min(BATCH, list.paths.length);
  const use = { teacher: model, classes: [], features: [] };
  const program = teacherProgram(use, batch, model.preprocessing, ['embedding'], undefined);
  const compiled = await platform.engine.compile(program);
  const images = new EmbeddedImages(platform, list, evalTransform(model.preprocessing), batch, config);
  try {
    return await images.through(compiled, program, 'pixels', 'embedding', {}, model.path);
  } finally {
    await images.close();
    await compiled.dispose();
  }
}

/** The width of a model's embedding. */
function widthOf(teacher: LoadedModel): number {
  const use = { teacher, classes: [], features: [] };
  const program = teacherProgram(use, 1, teacher.preprocessing, ['embedding'], undefined);
  return program.outputs.get('embedding')!.shape[1]!;
}

const told = ({ by, lambda, heldOut }: FittedHead): string =>
  `a head for the data's classes was fitted on its embedding (${by} regression, lambda ${lambda}): right on ${(100 * heldOut).toFixed(1)} % of the fifth of the training images that chose lambda`;

const NAMES = { weight: 'fitted_head.weight', bias: 'fitted_head.bias' } as const;

/** A model with a linear classifier on its embedding. */
export function withHead(model: LoadedModel, classes: readonly string[], head: FittedHead): LoadedModel {
  const [K, D] = [classes.length, head.weight.length / classes.length];
  const { network } = model;
  const headed: Model = {
    ...network,
    classes: K,
    features: [...new Set(['logits' as const, ...network.features])].filter((name) => name !== 'distLogits'),
    build: (scope, pixels) => {
      const { distLogits: _, ...found } = network.build(scope, pixels);
      const [weight, bias] = [scope.param(NAMES.weight, [K, D], ZEROS), scope.param(NAMES.bias, [K], ZEROS)];
      return { ...found, logits: affine(found.embedding!, weight, bias) };
    },
  };
  const weights = new Map<string, Weight>([
    ...model.weights,
    [NAMES.weight, { shape: [K, D], data: head.weight }],
    [NAMES.bias, { shape: [K], data: head.bias }],
  ]);
  const { multilabel: _, classesByIndex: __, ...rest } = model;
  return { ...rest, network: headed, weights, classes, notes: [...model.notes, told(head)] };
}

/** A model with these rows as its own head, so that it is one of the data's classes. */
export function ownWithHead(model: OwnModel, classes: readonly string[], head: FittedHead): OwnModel {
  const described = { ...model.model, classes: classes.length } as NetworkConfig;
  const network = networkOf(described, model.path);
  const axisOf = (name: string) => classAxis(network, name);
  const made = modelParams(network).filter(({ name }) => axisOf(name) !== undefined);
  const weights = new Map([...model.weights].filter(([name]) => axisOf(name) === undefined));
  const [K, D] = [classes.length, head.weight.length / classes.length];
  const isBias = ({ shape }: ParamSpec) => sizeOf(shape) === K;
  if (!made.some(isBias) || made.some((one) => !isBias(one) && sizeOf(one.shape) !== K * D))
    throw new UserError(
      `student.fitHead: wanted a head of weights [${K}, ${D}] and a bias, which reads the embedding of ${model.path}, got ${made.map((one) => `${one.name} [${one.shape.join(', ')}]`).join(', ') || 'none'}. Set student.fitHead=none: train.linearProbe trains a head first`,
    );
  for (const one of made) {
    const data = isBias(one) ? head.bias : axisOf(one.name) === 0 ? head.weight : turned(head.weight, K, D);
    weights.set(one.name, { shape: one.shape, data });
  }
  return { ...model, model: described, network, weights, classes, notes: [...model.notes, told(head)] };
}

/** [K,D] as [D,K]: the head of a file may be a product from the left. */
const turned = (weight: Float32Array, K: number, D: number): Float32Array =>
  weight.map((_, i) => weight[(i % K) * D + Math.floor(i / K)]!);

const encoded = ({ by, weight, bias, lambda, heldOut }: FittedHead): Uint8Array =>
  encodeSafetensors(
    [
      ['weight', float32Tensor([bias.length, weight.length / bias.length], weight)],
      ['bias', float32Tensor([bias.length], bias)],
    ],
    { by, lambda: String(lambda), heldOut: String(heldOut) },
  );

function decoded(bytes: Uint8Array, path: string): FittedHead {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const [weight, bias] = [tensors.get('weight'), tensors.get('bias')];
  if (!weight || !bias)
    throw new UserError(`${path}: wanted weight and bias of a fitted head, got others; start the run anew`);
  return {
    weight: toFloat32(weight),
    bias: toFloat32(bias),
    by: metadata.by === 'logistic' ? 'logistic' : 'ridge',
    lambda: Number(metadata.lambda),
    heldOut: Number(metadata.heldOut),
  };
}

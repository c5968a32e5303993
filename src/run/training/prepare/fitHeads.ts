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
import { sameShape } from '../../../graph/shape.ts';
import type { Host, Platform } from '../../../host/host.ts';
import type { MethodTable } from '../../../methods/index.ts';
import { buildModel, isHead, type Model, type ModelConfig } from '../../../models/index.ts';
import { ZEROS } from '../../../nn/scope.ts';
import { affine } from '../../../nn/layers.ts';
import { modelParams } from '../../../program/evalProgram.ts';
import type { RunData } from '../../datasets/runData.ts';
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
 * student starts from (`student.fitHead`): a ridge regression of the labels on its embeddings, in closed form. A run that is gone on with
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
    const head = kept ? decoded(kept, FILE[role]) : await fitted(host, config, model, data);
    heads.set(role, head);
    files.set(FILE[role], encoded(head));
  }
  return { inputs: withHeads(inputs, heads), files };
}

/** The same inputs with heads of zeros where some would be fitted: enough to plan a run, or to describe one that is done. */
export function withPlannedHeads(config: RunConfig, inputs: RunInputs, methods?: MethodTable): RunInputs {
  const zeros = wanted(config, inputs, methods).map(([role, model]): [Role, FittedHead] => {
    const [K, D] = [inputs.data.classes.length, widthOf(model)];
    return [role, { weight: new Float32Array(K * D), bias: new Float32Array(K), lambda: 0, heldOut: 0 }];
  });
  return zeros.length === 0 ? inputs : withHeads(inputs, new Map(zeros));
}

/** The models of a run that get a head. */
function wanted(
  config: RunConfig,
  { data, teacher, init }: RunInputs,
  methods: MethodTable | undefined,
): [Role, LoadedModel][] {
  const given = config.student.fitHead === 'ridge';
  if (given && !init)
    throw new UserError(
      'student.fitHead: wanted a model to start from, whose embedding a head is fitted on, got none; give one with --init REF (student.init)',
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
  if (!data.labelled || data.multilabel)
    throw new UserError(
      `${setting}: wanted labels of one class an image, got ${data.labelled ? 'several' : 'none'} (${showPlaces(config.data.dir)}). Set ${setting}=none; --method embed needs neither classes nor labels`,
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
  if (mode === 'none' || (mode === 'auto' && !(classless && data.labelled && !data.multilabel))) return false;
  const stages = planStages(config, ENOUGH, 1, undefined, methods);
  return stages.some(({ method, settings }) => method.needs(settings).teacher.includes('logits'));
}

async function fitted(platform: Platform, config: RunConfig, model: LoadedModel, data: RunData): Promise<FittedHead> {
  const list = select(data.train, spread(data.train.paths.length, IMAGES));
  const rows = await embedded(platform, config, model, list);
  return fitRidge(rows.labelled(list), data.classes.length);
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

const told = ({ lambda, heldOut }: FittedHead): string =>
  `a head for the data's classes was fitted on its embedding (ridge, lambda ${lambda}): right on ${(100 * heldOut).toFixed(1)} % of the fifth of the training images that chose lambda`;

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

/** A model of ours with these rows as its head, so that it is one of the data's classes. */
export function ownWithHead(model: OwnModel, classes: readonly string[], head: FittedHead): OwnModel {
  if (model.model.family === 'onnx')
    throw new UserError(
      `student.fitHead: wanted a ViT, ResNet or RegNet of ours, got the ONNX file ${model.path}. Set student.fitHead=none: train.linearProbe trains its head first`,
    );
  const described = { ...model.model, classes: classes.length } as ModelConfig;
  const network = buildModel(described);
  const weights = new Map([...model.weights].filter(([name]) => !isHead(name)));
  for (const { name, shape } of modelParams(network).filter(({ name }) => isHead(name))) {
    const data = shape.length === 1 ? head.bias : head.weight;
    const given = shape.length === 1 ? [classes.length] : [classes.length, head.weight.length / classes.length];
    if (!sameShape(shape, given))
      throw new UserError(
        `student.fitHead: wanted a head that reads the embedding of ${model.path} [${given.join(', ')}], got ${name} [${shape.join(', ')}]. Set student.fitHead=none`,
      );
    weights.set(name, { shape, data });
  }
  return { ...model, model: described, network, weights, classes, notes: [...model.notes, told(head)] };
}

const encoded = ({ weight, bias, lambda, heldOut }: FittedHead): Uint8Array =>
  encodeSafetensors(
    [
      ['weight', float32Tensor([bias.length, weight.length / bias.length], weight)],
      ['bias', float32Tensor([bias.length], bias)],
    ],
    { lambda: String(lambda), heldOut: String(heldOut) },
  );

function decoded(bytes: Uint8Array, path: string): FittedHead {
  const { tensors, metadata } = decodeSafetensors(bytes, path);
  const [weight, bias] = [tensors.get('weight'), tensors.get('bias')];
  if (!weight || !bias)
    throw new UserError(`${path}: wanted weight and bias of a fitted head, got others; start the run anew`);
  return {
    weight: toFloat32(weight),
    bias: toFloat32(bias),
    lambda: Number(metadata.lambda),
    heldOut: Number(metadata.heldOut),
  };
}

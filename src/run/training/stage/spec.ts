import { showPlaces } from '../../../data/places.ts';
import type { RunConfig } from '../../../config/schema.ts';
import { UserError } from '../../../graph/errors.ts';
import { input } from '../../../graph/build.ts';
import { classAxis, type FeatureName, type Features, type Model, oneOf } from '../../../models/index.ts';
import type { NetworkConfig } from '../../../onnx/network.ts';
import { adamw } from '../../../optim/adamw.ts';
import { clipByGlobalNorm } from '../../../optim/clip.ts';
import { lamb } from '../../../optim/lamb.ts';
import { muon } from '../../../optim/muon.ts';
import { layerDecay } from '../../../optim/layerDecay.ts';
import { sgd } from '../../../optim/sgd.ts';
import { chain, type Transform } from '../../../optim/transform.ts';
import { Scope } from '../../../nn/scope.ts';
import { teacherPorts } from '../../../program/teacherPorts.ts';
import type { TrainSpec } from '../../../program/trainProgram.ts';
import type { Preprocessing } from '../../../formats/savedModel.ts';
import type { Settings } from '../../plan/defaults.ts';
import type { LoadedModel } from '../../models/loaded.ts';
import type { RunData } from '../../datasets/runData.ts';
import { type PlannedStage, updatesIn } from '../../plan/stages.ts';
import { stageSettings } from '../../plan/schedule.ts';
import { seenAt } from './smallerImages.ts';
import { teacherFeatures, teacherPixels, type TeacherUse } from '../../teacher/features.ts';

/** All that the stages of a run share. */
export interface RunParts {
  readonly config: RunConfig;
  readonly settings: Settings;
  readonly data: RunData;
  readonly teacher: LoadedModel | undefined;
  readonly student: Model;
  readonly studentConfig: NetworkConfig;
  readonly preprocessing: Preprocessing;
  readonly stages: readonly PlannedStage[];
}

/** Updates in a whole epoch; a run may end in the middle of one. */
export const updatesPerEpoch = ({ settings: { train }, data }: Pick<RunParts, 'settings' | 'data'>): number =>
  updatesIn(data.train.paths.length, train.batch, train.accumulate);

/** The features of a model on one image: shapes only, nothing is run. */
export function describeFeatures(model: Model): Features {
  const store = {
    param: (spec: { name: string; shape: readonly number[] }) => input(spec.name, spec.shape),
    noise: () => input('noise', []),
    scheduled: () => input('scheduled', []),
    update: () => undefined,
  };
  return model.build(new Scope(store, false), input('pixel_values', [1, 3, model.imageSize, model.imageSize]));
}

/** Refuses, before anything is compiled, a method whose features a model does not have. */
export function checkNeeds(stages: readonly PlannedStage[], student: Model, teacher: LoadedModel | undefined): void {
  for (const { method, settings } of stages) {
    const needs = method.needs(settings);
    refuse(method.name, 'student', needs.student, student);
    if (needs.teacher.length === 0) continue;
    if (!teacher)
      throw new UserError(
        `${method.name} needs a teacher; give one with --teacher REF (a run folder or an exported folder)`,
      );
    refuse(method.name, 'teacher', needs.teacher, teacher.network);
  }
}

function refuse(method: string, role: 'student' | 'teacher', needs: readonly FeatureName[], model: Model): void {
  const missing = needs.filter((name) => !model.features.includes(name));
  if (missing.length === 0) return;
  const works = {
    tokens: 'a Vision Transformer',
    maps: 'a CNN (resnet, regnet)',
    logits: 'A model with a classifier, or this one with a new head (understudy train --data DIR --init REF),',
    distLogits: 'a student with a distillation token',
    patchDistLogits: 'a student with a distillation token',
    placeLogits: 'A CNN whose classifier is one linear layer behind its average pooling (resnet, regnet)',
  } as Record<string, string>;
  const remedy = works[missing[0]!];
  throw new UserError(
    `${method} needs ${missing.map((name) => `${role}.${name}`).join(', ')}; this ${role}, ${oneOf(model.family)}, has ${model.features.join(', ')}.${remedy ? ` ${remedy} would work.` : ''}`,
  );
}

/** What a stage uses of the teacher; undefined for one without distillation. */
export function teacherUse(
  { teacher, data, config }: RunParts,
  { method, settings }: PlannedStage,
): TeacherUse | undefined {
  const features = method.needs(settings).teacher;
  return teacher && features.length > 0
    ? { teacher, classes: data.classes, features, data: showPlaces(config.data.dir) }
    : undefined;
}

/** The symbolic description of a stage's step. The teacher's features are ports. */
export function stageSpec(parts: RunParts, stage: PlannedStage, weights: Readonly<Record<string, number>>): TrainSpec {
  const { settings, student, preprocessing } = parts;
  const uses = teacherUse(parts, stage);
  const { batch } = settings.train;
  return {
    batch,
    student: seenAt(student, stage.imageSize),
    trains: stage.train,
    ...(uses ? { teacher: () => teacherPorts(teacherFeatures(uses, teacherPixels(uses, batch), preprocessing)) } : {}),
    loss: ({ scope, student, teacher, targets }) =>
      stage.method.loss({
        scope,
        student,
        teacher,
        targets,
        multilabel: parts.data.multilabel,
        config: stage.settings,
        images: parts.data.train.paths.length,
      }),
    optimiser: optimiserOf(stageSettings(settings, parts.config, stage).optim, student),
    accumulate: settings.train.accumulate,
    ema: settings.train.ema !== null,
    pixels: [3, settings.imageSize, settings.imageSize],
    weights,
    // A head alone has no parameters that its terms share.
    balance: parts.config.weights.mode === 'balanced' && stage.train === 'all' ? parts.config.weights : undefined,
  };
}

function optimiserOf(optim: Settings['optim'], student: Model): Transform {
  const { weightDecay, betas, epsilon, momentum, nesterov, clipNorm } = optim;
  const core = {
    adamw: () => adamw({ betas, epsilon, weightDecay }),
    lamb: () => lamb({ betas, epsilon, weightDecay }),
    muon: () => muon({ betas, epsilon, weightDecay, head: (name) => classAxis(student, name) !== undefined }),
    sgd: () => sgd({ momentum, nesterov, weightDecay }),
  }[optim.name]();
  const parts = [
    ...(clipNorm === null ? [] : [clipByGlobalNorm(clipNorm)]),
    core,
    ...(optim.layerDecay === null ? [] : [layerDecay(optim.layerDecay, student.layersAbove)]),
  ];
  return parts.length === 1 ? core : chain(...parts);
}

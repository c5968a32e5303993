import type { RunConfig } from '../../../config/schema.ts';
import { UserError } from '../../../graph/errors.ts';
import { showPlaces } from '../../../data/places.ts';
import type { MethodTable } from '../../../methods/index.ts';
import { VARIANTS } from '../../../models/index.ts';
import { type NetworkConfig, networkOf } from '../../../onnx/network.ts';
import { checkMultilabel } from '../../datasets/multilabel.ts';
import type { RunData } from '../../datasets/runData.ts';
import { checkLabels, withTeacherClasses } from '../../datasets/unlabelled.ts';
import type { LoadedModel, OwnModel } from '../../models/loaded.ts';
import { chooseSettings, type Settings } from '../../plan/defaults.ts';
import { checkMixing, takesIntegerLabels } from '../../plan/integerLabels.ts';
import { headless } from '../../plan/headless.ts';
import { type PlannedStage, planStages, updatesIn } from '../../plan/stages.ts';
import { studentConfig } from '../../plan/studentConfig.ts';
import { checkSees, checkStore } from '../../teacher/store.ts';
import { checkEarlyStop } from '../course/earlyStop.ts';
import type { ReadyRun } from '../course/beginning.ts';
import { initialWeights } from '../stage/initialWeights.ts';
import { checkNeeds, describeFeatures } from '../stage/spec.ts';
import { checkPlaces } from '../stage/smallerImages.ts';
import { checkBalance } from '../stage/balance.ts';
import { checkLanes } from '../stage/steps.ts';
import { checkInit } from './checks.ts';
import { checkProbe, probesByDefault } from './linearProbe.ts';

/** What a run's settings refer to, opened. */
export interface RunInputs {
  readonly data: RunData;
  readonly teacher: LoadedModel | undefined;
  /** The model that the student starts from. */
  readonly init: OwnModel | undefined;
}

export type AssembledRun = ReadyRun & { readonly init: OwnModel | undefined };

/** Chooses every "auto", plans the stages and checks that all of it fits, before anything is compiled or written. */
export function assemble(
  config: RunConfig,
  { data: opened, teacher, init }: RunInputs,
  methods?: MethodTable,
): AssembledRun {
  const data = withTeacherClasses(opened, teacher);
  if (init) checkInit(config, init);
  const settings = settle(config, data, init, methods);
  const { batch, accumulate, epochs } = settings.train;
  const updates = updatesIn(data.train.paths.length, batch, accumulate);
  const stages = planStages(config, epochs, updates, settings.probe, methods);
  checkPlan(config, settings, data, stages, teacher);
  const classes = headless(stages) ? [] : data.classes;
  const own = { imageSize: settings.imageSize, classes: classes.length };
  const features = teacher && describeFeatures(teacher.network);
  const described = studentConfig(config, own, stages, features, init?.model);
  checkOptimiser(settings.optim.name, described.family);
  const student = networkOf(described, init?.path);
  checkEarlyStop(config.train.earlyStop, {
    ...{ labelled: data.labelled, multilabel: data.multilabel, classes: classes.length },
    teacher: teacher !== undefined,
    ema: config.train.ema !== null,
  });
  checkNeeds(stages, student, teacher);
  checkPlaces(stages, student);
  if (init) initialWeights(init, student, classes);
  checkProbe({ config, stages, student, classes: data.classes, init });
  const { mean, std, evalCropRatio } = settings.augment;
  const preprocessing = { imageSize: settings.imageSize, mean, std, evalCropRatio };
  return { config, settings, data, teacher, student, studentConfig: described, preprocessing, stages, init };
}

/** The settings without "auto". A student that starts from a model has that model's input side where none is set. */
function settle(
  config: RunConfig,
  data: RunData,
  init: OwnModel | undefined,
  methods: MethodTable | undefined,
): Settings {
  const { student } = config;
  const given = student.imageSize === 'auto' && init ? init.preprocessing.imageSize : student.imageSize;
  return chooseSettings({ ...config, student: { ...student, imageSize: given } }, data.facts, {
    width: widthOf(config, init?.model),
    integerLabels: takesIntegerLabels(config, methods),
    newHead: probesByDefault(config, given, data.classes, init),
    started: init !== undefined,
    pixels: init?.preprocessing,
  });
}

function widthOf({ student }: RunConfig, init: NetworkConfig | undefined): number | undefined {
  const shape: Record<string, unknown> = { ...VARIANTS[student.name]?.settings, ...init, ...student.settings };
  return typeof shape.width === 'number' ? shape.width : undefined;
}

/** In a network of convolutions Muon would be AdamW, and a comparison of the two one of AdamW with itself. */
function checkOptimiser(name: Settings['optim']['name'], family: string): void {
  if (name === 'muon' && (family === 'resnet' || family === 'regnet'))
    throw new UserError(
      `optim.name: muon moves the matrices of hidden layers, and a ${family} has none; set optim.name=adamw, or train a Vision Transformer`,
    );
}

/** Refuses methods, labels and settings that do not go together. */
function checkPlan(
  config: RunConfig,
  settings: Settings,
  data: RunData,
  stages: readonly PlannedStage[],
  teacher: LoadedModel | undefined,
): void {
  checkMixing(stages, settings);
  checkLanes(config.train);
  checkBalance(config);
  checkSees(
    config,
    settings,
    stages.map(({ method, settings }) => ({ name: method.name, reads: method.needs(settings).teacher })),
  );
  checkStore(config, settings);
  checkLabels(showPlaces(config.data.dir), data, stages, config.method, config.data.labels);
  checkMultilabel(stages, data, teacher);
}

/**
 * Understudy as a library: distil a big vision model into a small Vision Transformer, in Node.
 *
 * ```ts
 * import { distill, evaluate, exportModel, loadModel, train } from 'understudy';
 *
 * await train({ data: 'photos', model: 'resnet18', out: 'runs/teacher' });
 * const run = await distill({
 *   data: 'photos',
 *   teacher: 'runs/teacher',
 *   student: 'deit_tiny_patch16_224',
 *   method: 'dearkd',
 *   out: 'runs/student',
 *   onEvent: (event) => event.type === 'evaluation' && console.log(event.metrics),
 * });
 * console.log((await evaluate(run.out, { data: 'photos' })).top1);
 * await exportModel(run.out, { out: 'my-model' });
 *
 * const model = await loadModel('my-model');
 * console.log(await model.predict('cat.jpg')); // [{ class: 'cat', probability: 0.98 }, ...]
 * await model.dispose();
 * ```
 *
 * What the caller can mend is thrown as a UserError.
 */

// Train: distil, train, go on; studies of many runs; whether it is worth it.
export type { RunConfig, RunInput } from './config/schema.ts';
export type { Device } from './engine/devices.ts';
export type { MethodName } from './methods/index.ts';
export type { BestStep, RunResult, StudentCost } from './run/training/course/result.ts';
export type { RunSettings } from './run/training/runSettings.ts';
export type { DistillOptions, ResumeOptions, RunOptions, TrainRunOptions } from './run/training/trainNode.ts';
export { distill, resume, train } from './run/training/trainNode.ts';
export type { Advice, Verdict } from './advise/advice.ts';
export { advise } from './advise/adviseNode.ts';
export type { AdviceEvent, AdviseOptions, AdviseResult } from './advise/requestNode.ts';
export type { StudyReport } from './study/tables/rows.ts';
export { runStudy } from './study/runStudy.ts';

// Make images from a teacher, and distil on them.
export type { DataFreeOptions, DataFreeResult } from './run/synthesis/dataFree.ts';
export { distillDataFree } from './run/synthesis/dataFree.ts';
export type { SynthesisEvent, SynthesisOptions, SynthesisResult } from './run/synthesis/synthesize.ts';
export { synthesize } from './run/synthesis/synthesize.ts';

// Measure and look.
export type { ReportOptions, WrittenReport } from './report/writeReportNode.ts';
export { writeReport } from './report/writeReportNode.ts';
export type { EvaluateOptions } from './run/evaluation/evaluate.ts';
export type { ClassAccuracy, EvaluationReport } from './run/evaluation/judge.ts';
export { evaluateModel as evaluate } from './run/evaluation/evaluate.ts';
export { analyseModels } from './run/looking/analyse.ts';
export type { FeatureReport, Inspection } from './run/models/inspect.ts';
export { inspectModel as inspect } from './run/models/inspect.ts';

// Use: answers, embeddings, files for other runtimes.
export type { Pixels } from './data/augment/pixels.ts';
export type { ImageBytes, PreprocessorConfig } from './data/preprocess.ts';
export { preprocess } from './data/preprocess.ts';
export type { Preprocessing } from './formats/savedModel.ts';
export type { ModelConfig } from './models/index.ts';
export type { ClassProbability } from './run/evaluation/imageModel.ts';
export type { ImageInput, ImageModel } from './run/evaluation/predict.ts';
export { loadModel } from './run/evaluation/predict.ts';
export type { EmbedOptions, EmbedReport } from './run/embedding/embed.ts';
export { embedImages } from './run/embedding/embed.ts';
export type { Agreement } from './run/exporting/agreement.ts';
export type { ExportOptions, ExportReport } from './run/exporting/exportModel.ts';
export { exportModel } from './run/exporting/exportModel.ts';
export type { Described } from './run/models/described.ts';
export type { ModelEvent, OnModel } from './run/models/reference.ts';

// What there is: models, methods, augmentations, defaults.
export type {
  AugmentationListing,
  DefaultListing,
  MethodListing,
  ModelListing,
  SettingListing,
} from './run/models/listings.ts';
export { listAugmentations, listDefaults, listMethods, listModels } from './run/models/listings.ts';

// Extend: methods, loggers and images of your own. What a method is made of is in understudy/compose.
export type { ImageSource, SourceImage } from './data/imageSource.ts';
export { defineImages } from './data/imageSource.ts';
export { defineMethod } from './methods/define.ts';
export type { Method } from './methods/method.ts';
export { defineLogger } from './train/loggers/define.ts';
export type { Logger } from './train/loggers/logger.ts';

// What a run says, one union; the metrics of an event by their full names.
export type {
  CheckpointEvent,
  EvaluationEvent,
  LedgerEvent,
  MetricEvent,
  NoteEvent,
  RunEndEvent,
  RunEvent,
  RunEventType,
  RunStartEvent,
  StageStartEvent,
  StepEvent,
  WarningEvent,
} from './train/events.ts';
export { namedMetrics } from './train/metricNames.ts';

export { UserError } from './graph/errors.ts';

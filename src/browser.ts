/**
 * Understudy in a browser. `preprocess` is what an exported model needs, and stands alone. The rest trains there, in a dedicated
 * worker, with the code that trains in Node; it is loaded when it is first called, and brings no runtime: give `onnxruntime-web`.
 * No file behind this entry imports Node (tests/browser/ checks that).
 */
export type { ImageBytes, PreprocessorConfig } from './data/preprocess.ts';
export { preprocess } from './data/preprocess.ts';

// Train.
import type { WebDistillOptions, WebResumeOptions, WebTrainOptions } from './run/training/trainWeb.ts';
export type { BlobsByClass, FileOfFolder } from './data/blobSource.ts';
export { imagesOf, imagesOfFolder } from './data/blobSource.ts';
export type { AddressedImages, AddressesByClass } from './data/urlSource.ts';
export { imagesAt } from './data/urlSource.ts';
export type { ImageSource, SourceImage } from './data/imageSource.ts';
export type { ModelSource } from './run/models/modelSourceWeb.ts';
export type { RunResult } from './run/training/course/result.ts';
export type { RunSettings } from './run/training/runSettings.ts';
export type { WebDistillOptions as DistillOptions, WebResumeOptions as ResumeOptions, WebTrainOptions as TrainOptions };
export type { RunEvent } from './train/events.ts';
import type { Camera, CameraOptions } from './data/cameraWeb.ts';
export type { Camera, CameraOptions };
/** In a page, not in its workers. */
export const openCamera = async (options?: CameraOptions): Promise<Camera> =>
  (await import('./data/cameraWeb.ts')).openCamera(options);
const training = () => import('./run/training/trainWeb.ts');
export const distill = async (options: WebDistillOptions) => (await training()).distillWeb(options);
export const train = async (options: WebTrainOptions) => (await training()).trainWeb(options);
export const resume = async (out: string, options: WebResumeOptions) => (await training()).resumeWeb(out, options);

// Runs are kept in the origin private file system.
const storage = () => import('./host/web/storageWeb.ts');
export const storedRuns = async () => (await storage()).storedRuns();
export const deleteRun = async (name: string) => (await storage()).deleteRun(name);

// Use.
import type { ModelSource } from './run/models/modelSourceWeb.ts';
import type { WebExportOptions } from './run/exporting/exportWeb.ts';
import type { WebModelOptions } from './run/evaluation/predictWeb.ts';
export type { ClassProbability, ImageModel } from './run/evaluation/imageModel.ts';
export type { WebImage as ImageInput } from './run/evaluation/predictWeb.ts';
export const loadModel = async (model: ModelSource, options: WebModelOptions) =>
  (await import('./run/evaluation/predictWeb.ts')).loadModelWeb(model, options);
import type { WebEvaluateOptions } from './run/evaluation/evaluateWeb.ts';
export type { EvaluationReport } from './run/evaluation/judge.ts';
export type { WebEvaluateOptions as EvaluateOptions };
export const evaluate = async (model: ModelSource, options: WebEvaluateOptions) =>
  (await import('./run/evaluation/evaluateWeb.ts')).evaluateWeb(model, options);
export const exportModel = async (model: ModelSource, options?: WebExportOptions) =>
  (await import('./run/exporting/exportWeb.ts')).exportWeb(model, options);

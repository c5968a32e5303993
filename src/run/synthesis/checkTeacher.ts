import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import type { SynthesisSettings } from '../../config/synthesis.ts';
import { oneOf } from '../../models/index.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { sideOf } from './makeBatch.ts';

/** Why a network has no BatchNorm statistics, and what to do. */
export function noStatistics(family: string): string {
  return family === 'onnx'
    ? 'PyTorch folds BatchNorm into the convolutions when it exports. Export the model in eval mode with it: torch.onnx.export(..., training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False), or with dynamo=True torch.onnx.export(..., optimize=False)'
    : 'it normalises without running statistics of its training images, and these are what the images are made from. Give a CNN with BatchNorm (understudy list models: resnet...)';
}

/** Refuses, before anything is written, a teacher or settings that images cannot be made with. */
export function checkSynthesis(
  teacher: LoadedModel,
  student: LoadedModel | undefined,
  settings: SynthesisSettings,
): void {
  const { family, features } = teacher.network;
  if (!features.includes('normStats')) {
    throw new UserError(
      `${teacher.path}: wanted a teacher with BatchNorm statistics, got ${oneOf(family)}: ${noStatistics(family)}; or distil on any images without labels: understudy distill --data IMAGES --teacher ${teacher.path} --method kd --set kd.alpha=1`,
    );
  }
  if (teacher.multilabel)
    throw new UserError(
      `${teacher.path}: wanted a teacher of one class an image, since each image is made for one, got one of several (multilabel). Distil it on real images`,
    );
  if (settings.bpid > 0 && !features.includes('pooled'))
    throw new UserError(
      `${teacher.path}: bpid wants the input of the teacher's last layer (pooled), and this ${family} does not give it; set bpid=0`,
    );
  if (settings.adi > 0 && !student)
    throw new UserError(
      'adi: wanted a student that the images are to be hard for, got none; add --student REF, or set adi=0',
    );
  if (settings.adi === 0 && student)
    throw new UserError(
      `--student ${student.path}: adi is 0, so the student would have no say; set adi (0.2 in the paper), or leave --student out`,
    );
  const side = sideOf(teacher, settings);
  if (settings.lowIterations > 0 && side % 2 !== 0)
    throw new UserError(`lowIterations: images of ${side} px cannot be halved; set lowIterations=0 or an even size`);
  if (settings.jitter >= side)
    throw new UserError(`jitter: wanted less than the side of the images, ${side} px, got ${settings.jitter}`);
}

/** @throws UserError where the other model does not know a class of the set, whose images it could not judge. */
export function checkVerifier({ path, classes }: LoadedModel, wanted: readonly string[]): void {
  const lacking = wanted.filter((name) => !classes.includes(name));
  if (lacking.length > 0)
    throw new UserError(
      `--verifier ${path}: wanted a model that knows the classes of the set, got one without ${listNames(lacking, 4)}. Put a config.json with their names (id2label) beside it, give another model, or leave --verifier out`,
    );
}

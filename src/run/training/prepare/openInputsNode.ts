import { existsSync } from 'node:fs';
import type { RunConfig } from '../../../config/schema.ts';
import type { OnListing } from '../../../data/folders/listingNode.ts';
import type { ImageSource } from '../../../data/imageSource.ts';
import { openRunData } from '../../datasets/openRunData.ts';
import { namedByData } from '../../models/namedByData.ts';
import type { OwnModel } from '../../models/loaded.ts';
import { loadOnnxStudentPath, onnxPathOf } from '../../models/onnxReferenceNode.ts';
import { loadModelReference, type OnModel, trainable } from '../../models/reference.ts';
import type { RunInputs } from './assemble.ts';

export interface Opening {
  /** Called while a model is downloaded. */
  readonly onModel?: OnModel | undefined;
  /** Images of the caller's own, in place of `data.dir`. */
  readonly source?: ImageSource | undefined;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing | undefined;
  /** Of a run that is gone on with: the folder in which it keeps what its student started from, where it does. */
  readonly begun?: string | undefined;
}

/** Opens what a run's settings refer to: the images, the teacher, the model that the student starts from. */
export async function openInputs(
  config: RunConfig,
  { onModel, onListing, source, begun }: Opening = {},
): Promise<RunInputs> {
  const { student } = config;
  const data = await openRunData(config, onListing, source);
  // The notes are told by the run itself, so that its log has them too.
  const downloads: OnModel = (event) => event.type === 'download' && onModel?.(event);
  const teacher =
    config.teacher === null
      ? undefined
      : namedByData(
          await loadModelReference(config.teacher.ref, { described: config.teacher, onModel: downloads }),
          data.classes,
        );
  if (student.init === null) return { data, teacher, init: undefined };
  return { data, teacher, init: await openInit(config, student.init, data.classes, begun, downloads) };
}

async function openInit(
  { student }: RunConfig,
  ref: string,
  classes: readonly string[],
  begun: string | undefined,
  onModel: OnModel,
): Promise<OwnModel> {
  // A network of the user's own is kept in the run's folder, as it was when the run began.
  if (begun !== undefined && existsSync(begun))
    return { ...trainable(await loadModelReference(begun)), path: ref, stored: ref };
  const onnx = onnxPathOf(ref);
  if (onnx !== undefined) return loadOnnxStudentPath(onnx, student.settings, classes);
  const { heads } = student.settings;
  const hints = typeof heads === 'number' ? { hints: { heads } } : {};
  return trainable(await loadModelReference(ref, { onModel, ...hints }));
}

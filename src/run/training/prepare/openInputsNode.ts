import { existsSync } from 'node:fs';
import type { RunConfig } from '../../../config/schema.ts';
import type { OnListing } from '../../../data/folders/listingNode.ts';
import type { ImageSource } from '../../../data/imageSource.ts';
import { openRunData } from '../../datasets/openRunData.ts';
import { namedByData } from '../../models/namedByData.ts';
import type { OwnModel } from '../../models/loaded.ts';
import { onnxPathOf } from '../../models/onnxReference.ts';
import { loadOnnxStudent } from '../../models/onnxStudent.ts';
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
  { student, augment }: RunConfig,
  ref: string,
  classes: readonly string[],
  begun: string | undefined,
  onModel: OnModel,
): Promise<OwnModel> {
  // A network of the user's own is kept in the run's folder, as it was when the run began.
  if (begun !== undefined && existsSync(begun))
    return { ...trainable(await loadModelReference(begun)), path: ref, stored: ref };
  const onnx = onnxPathOf(ref);
  if (onnx !== undefined) return toldOfPixels(await loadOnnxStudent(onnx, student.settings, classes), augment);
  const { heads } = student.settings;
  const hints = typeof heads === 'number' ? { hints: { heads } } : {};
  return trainable(await loadModelReference(ref, { onModel, ...hints }));
}

/** A network that was trained on other numbers than it is given learns them anew: that is said, not done in silence. */
function toldOfPixels(init: OwnModel, { mean, std }: RunConfig['augment']): OwnModel {
  const own = init.preprocessing;
  const same = own.mean.every((m, c) => m === mean[c]) && own.std.every((s, c) => s === std[c]);
  if (same) return init;
  const note = `its preprocessor_config.json normalises by mean ${own.mean.join(' ')} and std ${own.std.join(' ')}, this run by ${mean.join(' ')} and ${std.join(' ')}. To keep its own: --set "augment.mean=[${own.mean.join(', ')}]" --set "augment.std=[${own.std.join(', ')}]"`;
  return { ...init, notes: [...init.notes, note] };
}

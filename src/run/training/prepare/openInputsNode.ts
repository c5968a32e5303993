import type { RunConfig } from '../../../config/schema.ts';
import type { OnListing } from '../../../data/folders/listingNode.ts';
import type { ImageSource } from '../../../data/imageSource.ts';
import { openRunData } from '../../datasets/openRunData.ts';
import { namedByData } from '../../models/described.ts';
import { loadModelReference, type OnModel, refuseOnnx, trainable } from '../../models/reference.ts';
import type { RunInputs } from './assemble.ts';

export interface Opening {
  /** Called while a model is downloaded. */
  readonly onModel?: OnModel | undefined;
  /** Images of the caller's own, in place of `data.dir`. */
  readonly source?: ImageSource | undefined;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing | undefined;
}

/** Opens what a run's settings refer to: the images, the teacher, the model that the student starts from. */
export async function openInputs(config: RunConfig, { onModel, onListing, source }: Opening = {}): Promise<RunInputs> {
  const { student } = config;
  if (student.init !== null) refuseOnnx(student.init);
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
  const { heads } = student.settings;
  const hints = typeof heads === 'number' ? { hints: { heads } } : {};
  const init = trainable(await loadModelReference(student.init, { onModel: downloads, ...hints }));
  return { data, teacher, init };
}

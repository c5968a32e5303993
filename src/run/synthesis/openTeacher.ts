import { describedSchema } from '../../config/schema.ts';
import { parseConfig } from '../../config/parse.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { Described } from '../models/described.ts';
import { namedByData } from '../models/namedByData.ts';

/**
 * The teacher of a set. Classes that are known by their numbers alone ("index") are named after them, with as many digits each: the
 * folders of the set are then in the order of the logits, as "index" says of data.
 */
export async function openTeacher(reference: string, described?: Described, onModel?: OnModel): Promise<LoadedModel> {
  const model = await loadModelReference(reference, { described, onModel });
  const digits = String(model.classes.length - 1).length;
  return namedByData(
    model,
    model.classes.map((name) => name.padStart(digits, '0')),
  );
}

/** What the settings of a teacher say of a model that others have trained; the others are a run's. */
export function describedIn(teacher: unknown): Described {
  if (typeof teacher !== 'object' || teacher === null) return {};
  const known = Object.entries(teacher).filter(([key]) => Object.hasOwn(describedSchema.shape, key));
  return parseConfig(describedSchema, Object.fromEntries(known), 'teacher');
}

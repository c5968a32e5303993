import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { differences } from '../../config/settings.ts';
import { FREE_SYNTHESIS, type SynthesisSettings } from '../../config/synthesis.ts';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { parseJsonFile } from '../../formats/disk/jsonFileNode.ts';
import { schemaProblem } from '../../formats/disk/schemaProblem.ts';
import { input } from '../../graph/build.ts';
import { UserError } from '../../graph/errors.ts';
import { emit } from '../../onnx/emit.ts';
import { buildFrozen } from '../../program/evalProgram.ts';
import { closeProgram } from '../../program/program.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { SynthesisPlan } from './plan.ts';

const modelName = z.strictObject({ family: z.string(), sha256: z.string() });

const description = z.strictObject({
  version: z.literal(1),
  teacher: modelName,
  /** Of Adaptive DeepInversion. */
  student: modelName.nullable(),
  classes: z.array(z.string()).readonly(),
  perClass: z.number(),
  settings: z.record(z.string(), z.unknown()),
});

/** All that the images of a set depend on. */
export type SetDescription = Readonly<z.output<typeof description>>;

export function describeSet(
  teacher: LoadedModel,
  student: LoadedModel | undefined,
  { classes, perClass }: Pick<SynthesisPlan, 'classes' | 'perClass'>,
  settings: SynthesisSettings,
): SetDescription {
  const kept = Object.entries(settings).filter(([key]) => !(FREE_SYNTHESIS as readonly string[]).includes(key));
  const name = (model: LoadedModel) => ({ family: model.model.family, sha256: digestOfModel(model) });
  return {
    version: 1,
    teacher: name(teacher),
    student: student ? name(student) : null,
    classes,
    perClass,
    settings: Object.fromEntries(kept),
  };
}

/**
 * Of the weights by name and value: the same for every file that holds them. Of a model that others have trained also of what is
 * said of it, and of a network from an ONNX file, which has no weights apart, of all.
 */
export function digestOfModel({ network, weights, preprocessing, classes, foreign }: LoadedModel): string {
  const hash = createHash('sha256');
  if (network.family === 'onnx') hash.update(wholeNetwork(network));
  const { imageSize, mean, std } = preprocessing;
  if (foreign) hash.update(JSON.stringify({ classes, imageSize, mean, std }));
  for (const [name, { shape, data }] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name} ${shape.join()}\n`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

function wholeNetwork(network: LoadedModel['network']): Uint8Array {
  const pixels = input('pixels', [1, 3, network.imageSize, network.imageSize]);
  const { logits, pooled } = buildFrozen(network, pixels, new Map());
  return emit(closeProgram({ logits, ...(pooled ? { pooled } : {}) }));
}

/** What a round of a set was made of. */
export const descriptionFile = (out: string, round: number): string =>
  join(out, `synthesis${round === 1 ? '' : `-${round}`}.json`);

/**
 * What a round of a set was made of; undefined where it was not begun.
 * @throws UserError where the file is damaged: then nothing says whether what is asked for goes on with that set.
 */
export function readDescription(out: string, round: number): SetDescription | undefined {
  const path = descriptionFile(out, round);
  if (!existsSync(path)) return undefined;
  const found = description.safeParse(parseJsonFile(path));
  if (found.success) return found.data;
  throw new UserError(
    `${path}: ${schemaProblem(found.error)}. The file says what the set was made of; it is damaged or was edited: put it back, or make the set anew in another --out`,
  );
}

/**
 * Begins a set in a new or empty folder, or goes on with the set that is there.
 * @throws UserError where the folder holds something else, or a set of other settings.
 */
export async function keepDescription(out: string, round: number, description: SetDescription): Promise<void> {
  // Of the rounds before too: damage there is told before images are made.
  for (let r = 1; r < round; r++) readDescription(out, r);
  const isOther = round === 1 && existsSync(out) && readdirSync(out).some((name) => !name.includes('.tmp-'));
  // Read after the listing: another process may begin the same set in between.
  const held = readDescription(out, round);
  if (held === undefined) {
    if (isOther)
      throw new UserError(
        `${out}: wanted a new or empty folder, or a set of images that was begun there; got other files. Choose another --out`,
      );
    await mkdir(out, { recursive: true });
    await writeFileAtomic(descriptionFile(out, round), `${JSON.stringify(description, null, 2)}\n`);
    return;
  }
  const differing = differences(ofItsRelease(held), description);
  if (differing.length === 0) return;
  const lines = differing.map(({ key, before, now }) => `${key}: the set has ${show(before)}, got ${show(now)}`);
  throw new UserError(
    `${out}: this set of images was begun with other settings:\n  ${lines.join('\n  ')}\n  Give the same to go on, or choose another --out`,
  );
}

/** Sets of older releases do not say what they all did. */
const ofItsRelease = (held: SetDescription): SetDescription => ({
  ...held,
  settings: { schedule: 'cosine', clip: true, ...held.settings },
});

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

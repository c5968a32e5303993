import { parseConfig } from '../../../config/parse.ts';
import { type RunConfig, runSchema } from '../../../config/schema.ts';
import { showPlaces } from '../../../data/places.ts';
import { checkWeights } from '../../../formats/matchNames.ts';
import { UserError } from '../../../graph/errors.ts';
import { placeOf, readText, type RunFiles } from '../../../host/files.ts';
import type { Host } from '../../../host/host.ts';
import { modelParams } from '../../../program/evalProgram.ts';
import { loadCheckpoint } from '../../../train/checkpoint.ts';
import { checkProgress, type Progress } from '../../../train/progress.ts';
import { LAST } from '../../../train/runFolder.ts';
import { changesSince, contentsSince } from '../../datasets/trainedImages.ts';
import { CONFIG_FILE, chosenOtherwise, parseConfigText } from '../../plan/configFile.ts';
import { decisiveChanges, toldChanges } from '../../plan/freeSettings.ts';
import { ofItsRelease } from '../../plan/olderRuns.ts';
import type { RunParts } from '../stage/spec.ts';

export type ResumedCheckpoint = Awaited<ReturnType<typeof loadCheckpoint>>;

/** The configuration that a run was started with. @throws UserError where there is no run. */
export async function savedConfig(files: RunFiles): Promise<SavedConfig> {
  const text = await readText(files, CONFIG_FILE);
  if (text === '' && (await files.read(CONFIG_FILE)) !== undefined)
    throw new UserError(
      `${placeOf(files, CONFIG_FILE)}: wanted the settings of a run, got an empty file. Put it back, or start a new run with another --out`,
    );
  if (text === '') {
    const there = (await files.list('')).length > 0;
    throw new UserError(
      `${files.name}: --resume: wanted the folder of a run, got ${there ? 'a path without config.yaml' : 'no such folder'}. Check --out, or leave --resume out to start a new run`,
    );
  }
  const where = placeOf(files, CONFIG_FILE);
  const raw = { ...ofItsRelease(parseConfigText(text, where), where) };
  return { raw, saved: parseConfig(runSchema, raw, where) };
}

export interface SavedConfig {
  /** As it stands in the file, with what it meant without saying. */
  readonly raw: Record<string, unknown>;
  readonly saved: RunConfig;
}

/** What is given again at a resume must be the same, but for what changes no number. */
export function checkGivenAgain(out: string, saved: RunConfig, given: RunConfig): void {
  const differing = decisiveChanges(saved, given);
  if (differing.length > 0)
    throw new UserError(
      `${out}: --resume goes on with the run's own settings:\n  ${toldChanges(differing)}\n  Leave these out, or start a new run with another --out`,
    );
}

/** config.yaml is there to be read, and may have been edited by hand: that changes what the same flags would be refused for. */
function checkSettings(files: RunFiles, { settings }: Progress, config: RunConfig): void {
  if (settings === undefined) return;
  const where = placeOf(files, `${LAST}/state.json`);
  const saved = parseConfig(runSchema, { ...ofItsRelease(settings, where) }, where);
  const changed = decisiveChanges(saved, config);
  if (changed.length > 0)
    throw new UserError(
      `${placeOf(files, CONFIG_FILE)}: wanted the settings that the run was started with, got others:\n  ${toldChanges(changed)}\n  Put them back, or start a new run with another --out`,
    );
}

/** Another release may choose otherwise what the settings leave to it: a run does not change its numbers on the way. */
async function checkChoices(files: RunFiles, { settings }: RunParts): Promise<void> {
  const [other] = chosenOtherwise(await readText(files, CONFIG_FILE), [...settings.choices, ...settings.usual]);
  if (other)
    throw new UserError(
      `${placeOf(files, CONFIG_FILE)}: ${other.key}: when this run began, auto became ${other.was}, and this release makes it ${other.value}. Start a new run with another --out; --set student.init=RUN/checkpoints/last takes the weights of this one over`,
    );
}

/** The last checkpoint, which must be of these images and of this student. */
export async function checkedCheckpoint(host: Host, parts: RunParts): Promise<ResumedCheckpoint> {
  const checkpoint = await loadCheckpoint(host, LAST);
  const folder = placeOf(host.files, LAST);
  checkSettings(host.files, checkpoint.progress, parts.config);
  await checkChoices(host.files, parts);
  checkProgress(checkpoint.progress, parts.stages, parts.settings.train.seed, `${folder}/state.json`);
  const { dir, valDir } = parts.config.data;
  const { data, validation = parts.data.digests.val } = checkpoint.progress;
  // Which images are held out depends on all of them.
  const drawn =
    parts.data.splitSource === 'seeded'
      ? '. The validation images are drawn from all: one file more or less moves others from part to part. To go on'
      : ';';
  const refusal = (place: string, which: 'train' | 'val', what: string, link = ';') =>
    new UserError(
      `${place}: the ${which === 'train' ? 'training' : 'validation'} images changed since the checkpoint ${folder}${what}${link} put them back, or start a new run with another --out`,
    );
  const changed = async (place: string, which: 'train' | 'val') =>
    refusal(place, which, await changesSince(host, parts.data, which), drawn);
  if (data !== parts.data.digests.train) throw await changed(showPlaces(dir), 'train');
  if (validation !== parts.data.digests.val) throw await changed(valDir ?? showPlaces(dir), 'val');
  for (const which of ['train', 'val'] as const) {
    const { changed: other } = await contentsSince(host, parts.data, which);
    const place = which === 'val' && valDir !== null ? valDir : showPlaces(dir);
    if (other !== '') throw refusal(place, which, `: ${other}`);
  }
  const held = [...checkpoint.state].filter(([name]) => name.startsWith('param.') && !name.startsWith('param.method.'));
  checkWeights(
    folder,
    modelParams(parts.student),
    new Map(held.map(([name, array]) => [name.slice('param.'.length), array])),
  );
  return checkpoint;
}

/** What is told at a resume where files have the same size and another time: they may be the same, copied, or others. */
export async function toldOfContents(host: Host, { data }: RunParts): Promise<string[]> {
  const found: string[] = [];
  for (const which of ['train', 'val'] as const) {
    const { touched } = await contentsSince(host, data, which);
    if (touched !== '')
      found.push(
        `of the ${which === 'train' ? 'training' : 'validation'} images ${touched} since the run began, with the size that they had; if they are other images, start a new run`,
      );
  }
  return found;
}

import { modelContents } from '../../../formats/modelContents.ts';
import type { Host } from '../../../host/host.ts';
import { writeTrainedImages } from '../../datasets/trainedImages.ts';
import type { OwnModel } from '../../models/loaded.ts';
import { writeRunConfig } from '../../plan/configFile.ts';
import { ORIGIN_FILE, originText } from '../../plan/origin.ts';
import type { RunParts } from '../stage/spec.ts';

/** A run that is checked and ready to go. */
export type ReadyRun = RunParts & { readonly init: OwnModel | undefined };

/** What a run writes before its first step: its settings, where it began, its images, what its student starts from, fitted heads. */
export async function writeBeginning(
  host: Host,
  parts: ReadyRun,
  heads: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await writeRunConfig(host.files, parts.config, [...parts.settings.choices, ...parts.settings.usual]);
  await writeOrigin(host);
  await writeTrainedImages(host, parts.data);
  await writeStart(host, parts.init);
  for (const [path, bytes] of heads) await host.files.replace(path, bytes);
}

/** A run that was killed before its first checkpoint, and begins anew, has it already. */
async function writeOrigin({ files, folder }: Host): Promise<void> {
  if (folder === undefined || (await files.read(ORIGIN_FILE)) !== undefined) return;
  await files.replace(ORIGIN_FILE, originText(folder));
}

/** What a student started from that came as ONNX: a run is gone on with when the file is gone or another. */
export const START_FOLDER = 'start';

async function writeStart({ files }: Host, init: OwnModel | undefined): Promise<void> {
  if (init?.model.family === 'onnx') await files.replaceFolder(START_FOLDER, modelContents(init));
}

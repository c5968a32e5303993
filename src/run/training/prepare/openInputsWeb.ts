import type { RunConfig } from '../../../config/schema.ts';
import type { Engine } from '../../../engine/contract.ts';
import type { RunFiles } from '../../../host/files.ts';
import { GivenFiles } from '../../models/givenFiles.ts';
import { loadGivenInit } from '../../models/givenModel.ts';
import type { OwnModel } from '../../models/loaded.ts';
import { loadModelFiles } from '../../models/modelFolderOf.ts';
import { loadModelSource, loadRun, type ModelSource } from '../../models/modelSourceWeb.ts';
import { namedByData } from '../../models/namedByData.ts';
import type { RunData } from '../../datasets/runData.ts';
import { START_FOLDER } from '../course/beginning.ts';
import type { RunInputs } from './assemble.ts';

/** The models that a run in a browser is given. */
export interface GivenModels {
  readonly teacher?: ModelSource | undefined;
  readonly init?: ModelSource | undefined;
}

/** Opens the models of a run. @param begun the files of a run that is gone on with. */
export async function openInputsWeb(
  config: RunConfig,
  data: RunData,
  { teacher, init }: GivenModels,
  engine: Engine,
  begun: RunFiles | undefined,
): Promise<RunInputs> {
  const described = config.teacher ?? undefined;
  return {
    data,
    teacher:
      teacher === undefined
        ? undefined
        : namedByData(await loadModelSource(teacher, { engine, described }), data.classes),
    init: config.student.init === null ? undefined : await openInit(config, init, data.classes, engine, begun),
  };
}

async function openInit(
  { student }: RunConfig,
  source: ModelSource | undefined,
  classes: readonly string[],
  engine: Engine,
  begun: RunFiles | undefined,
): Promise<OwnModel> {
  const ref = student.init!;
  // A network of the user's own is kept in the run's folder, as it was when the run began.
  if (begun && (await begun.hasFolder(START_FOLDER))) {
    const kept = await loadModelFiles(begun.name, (file) => begun.read(`${START_FOLDER}/${file}`));
    return { ...kept, path: ref, stored: ref };
  }
  const from = source ?? ref;
  if (typeof from === 'string') return loadRun(from);
  return loadGivenInit(new GivenFiles('the model to start from', from), student.settings, classes, engine);
}

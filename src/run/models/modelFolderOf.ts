import { parseJsonObject } from '../../formats/disk/jsonValue.ts';
import { decodeSafetensors } from '../../formats/tensors/safetensors.ts';
import { checkFinite } from '../../formats/tensors/checkFinite.ts';
import { checkWeights } from '../../formats/matchNames.ts';
import { readModelFiles } from '../../formats/modelFiles.ts';
import { UserError } from '../../graph/errors.ts';
import { networkOf } from '../../onnx/network.ts';
import { modelParams } from '../../program/evalProgram.ts';
import type { OwnModel } from './loaded.ts';

/** The bytes of a file of a model folder by its name; undefined where there is none. */
export type ReadModelFile = (name: string) => Promise<Uint8Array | undefined>;

/**
 * A model folder that Understudy wrote (config.json, preprocessor_config.json, model.safetensors), wherever its files come from.
 * @throws UserError for whatever cannot be used as a model.
 */
export async function loadModelFiles(name: string, read: ReadModelFile): Promise<OwnModel> {
  const where = (file: string) => `${name}/${file}`;
  const bytesOf = async (file: string): Promise<Uint8Array> => {
    const bytes = await read(file);
    if (bytes) return bytes;
    throw new UserError(
      `${where(file)}: the file is missing; a model folder has config.json, preprocessor_config.json and model.safetensors`,
    );
  };
  const notes: string[] = [];
  const saved = await readModelFiles(
    {
      where,
      json: async (file) => parseJsonObject(new TextDecoder().decode(await bytesOf(file)), where(file)),
      bytes: read,
      safetensors: async (file) => decodeSafetensors(await bytesOf(file), where(file)),
    },
    notes,
  );
  const network = networkOf(saved.model);
  checkWeights(name, modelParams(network), saved.weights);
  checkFinite(name, saved.weights);
  const classes = saved.classes.map((one) => one.normalize('NFC'));
  return { ...saved, classes, notes, path: name, stored: name, network };
}

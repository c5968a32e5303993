import type { SavedModel } from '../../formats/savedModel.ts';
import type { Model } from '../../models/index.ts';
import type { NetworkConfig } from '../../onnx/network.ts';

/** The description of an ONNX file that is used as it is: it cannot be built anew from it. */
export interface ImportedConfig {
  readonly family: 'onnx';
  readonly imageSize: number;
  readonly classes: number;
}

/** The classes of the data by their place: ordered by code point, or as people count ("2" before "10"). */
export type ByIndex = 'index' | 'natural';

/** A model with weights, checked to fit each other. */
export interface LoadedModel extends Omit<SavedModel, 'model'> {
  readonly model: NetworkConfig | ImportedConfig;
  /** Its classes are numbers, which stand for the data's in the order of that word (see described.ts). */
  readonly classesByIndex?: ByIndex | false;
  /** Others have trained it: what it is comes from their files, or from the user. */
  readonly foreign?: boolean;
  /** What messages call it: the folder or file that it was read from, or the reference of a downloaded one. */
  readonly path: string;
  /** Folder or file on this disk. */
  readonly stored: string;
  readonly network: Model;
  /** What was assumed about a model that Understudy did not write. */
  readonly notes: readonly string[];
}

/** A loaded network of ours, which can be trained and exported. */
export type OwnModel = Omit<LoadedModel, 'model'> & SavedModel;

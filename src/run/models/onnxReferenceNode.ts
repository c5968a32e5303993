import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { parseJsonFile } from '../../formats/disk/jsonFileNode.ts';
import { asJsonObject } from '../../formats/disk/jsonValue.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { readOnnx } from '../../onnx/import/readOnnxNode.ts';
import type { Described } from './described.ts';
import { withNames } from './givenClassesNode.ts';
import type { LoadedModel, OwnModel } from './loaded.ts';
import {
  loadOnnxReference,
  onnxInFolder,
  type OnnxPlace,
  type OnnxReference,
  readOnnxReference,
} from './onnxReference.ts';
import { loadOnnxStudent } from './onnxStudent.ts';

/** The file of a reference to an ONNX network: an .onnx file, or a folder that has one and no weights. Undefined for others. */
export function onnxPathOf(reference: string): string | undefined {
  if (/\.onnx$/i.test(reference)) return reference;
  if (!statSync(reference, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const found = onnxInFolder((name) => existsSync(join(reference, name)));
  return found === undefined ? undefined : join(reference, found);
}

/** An ONNX file on the disk, as `readOnnxReference`. */
export function readOnnxPath(path: string, given: Described = {}): OnnxReference {
  return named(path, () => readOnnxReference(placeOf(path), withNames(given)));
}

/** The same as a model, as `loadOnnxReference`. */
export const loadOnnxPath = (path: string, given: Described = {}): Promise<LoadedModel> =>
  loadOnnxReference(placeOf(path), readOnnxPath(path, given), ortNode());

/** An ONNX file on the disk as a model that is trained further, as `loadOnnxStudent`. */
export async function loadOnnxStudentPath(
  path: string,
  settings: Readonly<Record<string, unknown>>,
  classes: readonly string[],
): Promise<OwnModel> {
  try {
    return await loadOnnxStudent(placeOf(path), settings, classes, ortNode());
  } catch (error) {
    throw refused(error, path);
  }
}

const placeOf = (path: string): OnnxPlace => ({
  path,
  open: () => readOnnx(path),
  sidecar: (name) => {
    const found = [dirname(path), join(dirname(path), '..')]
      .map((dir) => join(dir, name))
      .find((one) => existsSync(one));
    return found === undefined ? undefined : { path: found, value: asJsonObject(parseJsonFile(found), found) };
  },
});

function named<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw refused(error, path);
  }
}

const refused = (error: unknown, path: string): unknown => fileError(error, path, 'read the ONNX model');

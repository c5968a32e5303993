import { BuildError, UserError } from '../../graph/errors.ts';
import type { Model } from '../../models/features.ts';
import type { ParamSpec } from '../../nn/scope.ts';
import { OnnxFile } from '../import/onnxFile.ts';
import type { FilePorts } from '../import/filePorts.ts';
import { onnxModel } from '../import/onnxModel.ts';
import type { OnnxConfig } from './config.ts';
import { type Head, headOf } from './head.ts';
import { layersAbove, outerLabels } from './layers.ts';
import { parametersOf } from './parameters.ts';
import { withClasses } from './structure.ts';
import { usageOf } from './usage.ts';

/** A network that was read from an ONNX file and is trained. */
export interface OnnxStudent extends Model {
  readonly family: 'onnx';
  /** The file with these classes, without the values of its weights. */
  readonly file: Uint8Array;
  readonly ports: FilePorts;
  /** Labels of the nodes that a file in 8 bits keeps in float32: the first product and the head. */
  readonly outer: ReadonlySet<string>;
  readonly notes: readonly string[];
}

/** @throws UserError if its head cannot be made one of the classes. */
export function onnxStudent(config: OnnxConfig, where = 'the student'): OnnxStudent {
  const read = parsed(config.network, config, where);
  const own = read.model.classes;
  if (config.classes === 0 || config.classes === own) return finished(read, config);
  if (!read.head)
    throw new UserError(
      `${where}: wanted a network whose logits a Gemm, MatMul or Conv makes, so that it can get a head for ${config.classes} classes, got another one. Give its output a linear layer where it was made, or train it on data of its ${own} classes`,
    );
  refuseShared(where, read, config.classes);
  const bytes = withClasses(config.network, read.head, own, config.classes);
  return finished(parsed(bytes, config, where), config);
}

interface Parsed {
  readonly bytes: Uint8Array;
  readonly model: ReturnType<typeof onnxModel>;
  readonly usage: ReturnType<typeof usageOf>;
  readonly parameters: ReadonlyMap<string, ParamSpec>;
  readonly head: Head | undefined;
}

function parsed(bytes: Uint8Array, { imageSize, features }: OnnxConfig, where: string): Parsed {
  const file = new OnnxFile(bytes, where);
  const outputs = file.graph.output.map(({ name }) => name ?? '');
  // Whichever is the answer: of several outputs the import finds it, with what all of them need as parameters.
  const all = outputs.map((output) => parametersOf(file, usageOf(file, output)));
  const every = new Map(all.flatMap((found) => [...found]));
  const model = onnxModel(file, { imageSize, features, trained: every });
  const output = String(model.config.output);
  const usage = usageOf(file, output);
  const parameters = parametersOf(file, usage);
  return { bytes, model, usage, parameters, head: headOf(usage, output, parameters) };
}

/** A head that is used elsewhere too cannot get other classes alone. */
function refuseShared(where: string, { head, usage }: Parsed, classes: number): void {
  const shared = [...head!.axes.keys()].filter((name) => usage.meetings(name).length > 1);
  if (shared.length > 0)
    throw new UserError(
      `${where}: wanted a head of its own for ${classes} classes, got weights that other layers share: ${shared.join(', ')}. Export the model with a head that is not tied`,
    );
}

function finished({ bytes, model, head, parameters }: Parsed, config: OnnxConfig): OnnxStudent {
  const { network: _, ...said } = config;
  const encoder = config.classes === 0;
  const { probe } = model;
  const named = new Map(
    [...parameters.keys()].flatMap((name) => {
      const tensor = probe.weights.get(name);
      return tensor ? [[tensor, name] as const] : [];
    }),
  );
  const heads = encoder ? new Map<string, number>() : (head?.axes ?? new Map<string, number>());
  return {
    ...model,
    config: said,
    classes: config.classes,
    features: model.features.filter((name) => name !== 'logits' || !encoder),
    build: (scope, pixels) => located(() => model.build(scope, pixels)),
    heads,
    layersAbove: layersAbove(probe.logits, probe.image, named, (name) => heads.has(name)),
    outer: outerLabels(probe.logits, probe.image, named, head?.axes ?? new Map()),
    file: bytes,
    ports: model.ports,
    notes: model.notes,
  };
}

/** What a file cannot do is the user's to mend. */
function located<T>(build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw error instanceof BuildError ? new UserError(error.message, { cause: error }) : error;
  }
}

import { parseConfig } from '../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../config/schema.ts';
import { overlay, type Settings } from '../config/settings.ts';
import { UserError } from '../graph/errors.ts';
import { methodNamed, METHODS } from '../methods/index.ts';
import type { NetworkConfig } from '../onnx/network.ts';
import { type ModelSize, sizeOfModel } from '../run/models/size.ts';
import { type AssembledRun, assemble, type RunInputs } from '../run/training/prepare/assemble.ts';
import { checkNames, checkStages } from '../run/training/prepare/checks.ts';
import { withPlannedHeads } from '../run/training/prepare/fitHeads.ts';

/** One way to train the student. */
export interface Arm {
  /** `alone`, a method, or `alone, as in METHOD`: labels alone on the student that this method makes. */
  readonly name: string;
  /** A part of a path. */
  readonly slug: string;
  /** Laid over the settings that all arms share. */
  readonly settings: Settings;
  /** What the method made of the student, where that is another one than the student that trains alone. */
  readonly layers: Settings | null;
  readonly size: ModelSize;
  /** Epochs of a run of full length: those that the user set, else those that are chosen by the number of images. */
  readonly fullEpochs: number;
  /** The fewest epochs that mean anything: two, and one for each stage. */
  readonly leastEpochs: number;
}

export interface Refused {
  readonly name: string;
  readonly why: string;
}

export const ALONE = 'alone';

/** With which settings a method learns from images of several classes; the others can or cannot as they are. */
const SEVERAL: Readonly<Record<string, Settings>> = { dearkd: { logitKd: 'none' } };

/** The configuration of an arm's run. */
export const configOf = (base: Settings, { settings }: Pick<Arm, 'settings'>): RunConfig =>
  parseConfig(runSchema, overlay(base, settings) as unknown as RunInput, 'config');

/** All methods but labels alone, in the order of `understudy list methods`. */
export const allMethods = (): string[] => Object.keys(METHODS).filter((name) => name !== 'supervised');

/**
 * The arms that this teacher, student and data allow, and of each method that is none the reason: what a run of it would be refused
 * for.
 * @throws UserError where not even training alone is possible
 */
export function armsOf(
  base: Settings,
  methods: readonly string[],
  inputs: RunInputs,
): { alone: Arm; methods: Arm[]; refused: Refused[] } {
  const alone = armOf(base, ALONE, { method: 'supervised', teacher: null }, inputs, undefined);
  const found: Arm[] = [];
  const refused: Refused[] = [];
  for (const name of methods) {
    try {
      found.push(methodArm(base, name, inputs, alone.config));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused.push({ name, why: error.message.replaceAll(/\s*\n\s*/g, ' ') });
    }
  }
  return { alone: alone.arm, methods: found, refused };
}

/** Labels alone on the student that a method made; null where that is the student as it is. */
export function sameLayers(base: Settings, arm: Arm, inputs: RunInputs): Arm | null {
  if (arm.layers === null) return null;
  const settings = { method: 'supervised', teacher: null, student: { settings: arm.layers } };
  return armOf(base, `${ALONE}, as in ${arm.name}`, settings, inputs, undefined).arm;
}

function methodArm(base: Settings, name: string, inputs: RunInputs, alone: NetworkConfig): Arm {
  const parts = name.split('+').map((part) => part.trim());
  const several = inputs.data.multilabel ? SEVERAL : {};
  const own = Object.fromEntries(parts.flatMap((part) => (several[part] ? [[part, several[part]]] : [])));
  // What the user set himself wins.
  const given = (base.methods ?? {}) as Settings;
  const methods = overlay(own, given);
  const reads = methodNamed(name).needs(settingsOf(name, methods)).teacher.length > 0;
  const settings = {
    method: name,
    ...(Object.keys(own).length > 0 ? { methods } : {}),
    ...(reads ? {} : { teacher: null }),
  };
  return armOf(base, name, settings, inputs, alone).arm;
}

function settingsOf(name: string, methods: Settings): unknown {
  const method = methodNamed(name);
  const given = method.parts
    ? Object.fromEntries(method.parts.map((part) => [part, methods[part] ?? {}]))
    : (methods[name] ?? {});
  return parseConfig(method.config, given as object, `methods.${name}`);
}

/** What a run of the course is given: no teacher where it trains alone; heads that it would fit stand there as zeros. */
export const inputsFor = (config: RunConfig, inputs: RunInputs): RunInputs =>
  withPlannedHeads(config, config.teacher === null ? { ...inputs, teacher: undefined } : inputs);

function armOf(
  base: Settings,
  name: string,
  settings: Settings,
  inputs: RunInputs,
  alone: NetworkConfig | undefined,
): { arm: Arm; config: NetworkConfig } {
  const config = configOf(base, { settings });
  checkNames(config);
  const parts = assemble(config, inputsFor(config, inputs));
  checkStages(parts);
  if (parts.studentConfig.classes === 0)
    throw new UserError(`${name}: its student has no classifier, so nothing compares it with training alone`);
  const arm = {
    name,
    slug: name.replaceAll(/[^A-Za-z0-9+]+/g, '-'),
    // An inner split has fewer images; what is chosen by their number is to be the same in all runs.
    settings: overlay(settings, {
      train: { batch: parts.settings.train.batch },
      augment: { preset: parts.settings.augment.preset },
    }),
    layers: alone ? changed(alone, parts.studentConfig) : null,
    size: sizeOfModel(parts.student),
    fullEpochs: parts.settings.train.epochs,
    leastEpochs: leastEpochs(parts),
  };
  return { arm, config: parts.studentConfig };
}

/** What one student has otherwise than another, as settings of the architecture. */
function changed(before: NetworkConfig, now: NetworkConfig): Settings | null {
  const was = before as unknown as Settings;
  const keys = Object.entries(now).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(was[key]));
  return keys.length === 0 ? null : Object.fromEntries(keys);
}

const leastEpochs = ({ stages }: AssembledRun): number => Math.max(2, stages.length);

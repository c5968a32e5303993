import { parseConfig } from '../../../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../../../config/schema.ts';
import { isSection, overlay, type Settings } from '../../../config/settings.ts';
import { BuildError, naming, UserError } from '../../../graph/errors.ts';
import { unknownName } from '../../../graph/names.ts';
import { type MethodTable, methodNamed, withMethods } from '../../../methods/index.ts';
import { oneOf, VARIANTS } from '../../../models/index.ts';
import { balancedTerms } from '../../../program/balanced.ts';
import { collectParams, lossTerms } from '../../../program/trainProgram.ts';
import { checkAttentionProbe } from '../course/attentionProbe.ts';
import { checkBalancedTerms } from '../stage/balance.ts';
import { type RunParts, stageSpec } from '../stage/spec.ts';
import { checkProbeMethod } from './linearProbe.ts';
import type { LoadedModel } from '../../models/loaded.ts';

/** Refuses names that do not exist, with the near ones, before any image is looked at. */
export function checkNames(
  { student, method, methods, stages }: RunConfig,
  known: MethodTable = withMethods([]),
): void {
  if (student.init === null && !Object.hasOwn(VARIANTS, student.name))
    throw unknownName('model', student.name, Object.keys(VARIANTS));
  const listed = stages === 'auto' ? [] : stages.map((stage) => stage.method);
  for (const name of [method, ...listed]) methodNamed(name, known);
  // A sum takes the sections of its members and has none of its own.
  for (const name of Object.keys(methods))
    if (!Object.hasOwn(known, name)) throw unknownName('method', name, Object.keys(known));
}

/** Refuses what a file of settings says wrongly, by the file's name; what it leaves to flags is not missed. */
export function checkFile(given: Settings, file: string): void {
  const flags = { data: { dir: '.' }, student: { name: Object.keys(VARIANTS)[0] } };
  const teacher = isSection(given.teacher) ? { teacher: { ref: '.', ...given.teacher } } : {};
  const whole = { ...overlay(flags, given), ...teacher };
  naming(file, () => checkNames(parseConfig(runSchema, whole as RunInput, file)));
}

/**
 * Builds the loss of each stage without running anything, so that settings that do not fit together (teacher's classes, pairs
 * of layers, shapes) are refused before the run's folder is made.
 */
export function checkStages(parts: RunParts): void {
  checkAttentionProbe(parts);
  const balanced: string[][] = [];
  for (const stage of parts.stages) {
    try {
      const spec = stageSpec(parts, stage, {});
      checkProbeMethod(parts.config, stage, collectParams(spec));
      if (spec.balance) balanced.push(balancedTerms(lossTerms(spec)));
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      throw new UserError(`method ${stage.name}: these settings do not fit together: ${error.message}`, {
        cause: error,
      });
    }
  }
  checkBalancedTerms(parts.config.weights, balanced);
}

/** What makes two models of a family different kinds. */
const KIND = {
  vit: ['patchSize', 'width', 'depth', 'heads', 'mlpRatio'],
  resnet: ['stem', 'block', 'depths', 'widths'],
  regnet: ['stemWidth', 'depths', 'widths', 'groupWidth'],
} as const;

/** A student that starts from a model is that model: a variant's name that says something else would be passed over in silence. */
export function checkInit({ student }: RunConfig, init: LoadedModel): void {
  const variant = VARIANTS[student.name];
  if (!variant) return;
  const remedy = 'Leave the name of the model out, or start from another model';
  if (variant.family !== init.model.family)
    throw new UserError(
      `${init.path}: wanted weights of ${student.name}, ${oneOf(variant.family)}, got ${oneOf(init.model.family)}. ${remedy}`,
    );
  const named: Record<string, unknown> = { mlpRatio: 4, ...variant.settings, ...student.settings };
  const held: Record<string, unknown> = { ...init.model, ...student.settings };
  const differing = KIND[variant.family].filter((key) => JSON.stringify(named[key]) !== JSON.stringify(held[key]));
  if (differing.length === 0) return;
  const show = (from: Record<string, unknown>) =>
    differing.map((key) => `${key} ${JSON.stringify(from[key])}`).join(', ');
  throw new UserError(`${init.path}: wanted weights of ${student.name} (${show(named)}), got ${show(held)}. ${remedy}`);
}

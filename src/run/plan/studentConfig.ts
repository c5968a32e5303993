import type { z } from 'zod';
import { parseConfig } from '../../config/parse.ts';
import type { RunConfig } from '../../config/schema.ts';
import { brief, internal, UserError } from '../../graph/errors.ts';
import { type Features, modelConfigSchema, VARIANTS } from '../../models/index.ts';
import type { NetworkConfig } from '../../onnx/network.ts';
import { onnxConfigSchema } from '../../onnx/student/config.ts';
import type { PlannedStage } from './stages.ts';

/**
 * The student's description: its variant, or the model that it starts from (`init`), with the input side and the number of
 * classes; then what the methods ask for; then the user's own settings, which win. The methods see the settings too.
 * @throws UserError for unknown or wrong settings.
 */
export function studentConfig(
  { student }: RunConfig,
  own: { readonly imageSize: number; readonly classes: number },
  stages: readonly PlannedStage[],
  teacher: Features | undefined,
  init: NetworkConfig | undefined,
): NetworkConfig {
  const variant = VARIANTS[student.name];
  const base = { ...(init ?? { family: variant!.family, ...variant!.settings }), ...own };
  const schema = schemaOf(base.family);
  refuseOwned(student.settings);
  parseConfig(schema.partial(), student.settings, 'student.settings');
  const described = (asked: object): NetworkConfig =>
    parseConfig<z.ZodType<NetworkConfig>>(schema, { ...base, ...asked, ...student.settings }, 'student');
  const plain = described({});
  // Only Vision Transformers have the parts that methods ask for.
  if (plain.family !== 'vit') return plain;
  const asked = stages.map(({ method, settings }) => method.shapeStudent?.(settings, plain, teacher) ?? {});
  return described(Object.assign({}, ...asked));
}

/** What the data, the model's name and `student.imageSize` say is not said a second time. */
const OWNED: Readonly<Record<string, string>> = {
  family: 'it follows from the name of the model; choose another student.name',
  classes: 'it is counted in the data',
  imageSize: 'set student.imageSize instead',
};

function refuseOwned(settings: Readonly<Record<string, unknown>>): void {
  for (const [key, remedy] of Object.entries(OWNED))
    if (Object.hasOwn(settings, key))
      throw new UserError(
        `student.settings.${key}: wanted a setting of the architecture, got ${brief(JSON.stringify(settings[key]))}; ${remedy}`,
      );
}

function schemaOf(family: string): z.ZodObject & z.ZodType<NetworkConfig> {
  const options = [...modelConfigSchema.options, onnxConfigSchema];
  const found = options.find(({ shape }) => shape.family.value === family);
  if (!found) throw internal(`no schema for the family ${family}`);
  return found as z.ZodObject & z.ZodType<NetworkConfig>;
}

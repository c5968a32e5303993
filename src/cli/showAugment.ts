import { unknownName } from '../graph/names.ts';
import { UserError } from '../graph/errors.ts';

interface AugmentArgs {
  readonly augment: string;
  readonly ref?: string | undefined;
  readonly ref2?: string | undefined;
  readonly data?: string | undefined;
  readonly images?: string | undefined;
  readonly image?: string | undefined;
  readonly out?: string | undefined;
  readonly json: boolean;
}

/** `understudy inspect --data DIR --augment PRESET`: writes the contact sheet and says where. */
export async function showAugment({
  augment,
  data,
  out = 'inspect-augment',
  json,
  ...rest
}: AugmentArgs): Promise<void> {
  const surplus = (['ref', 'ref2', 'images', 'image'] as const).find((name) => rest[name] !== undefined);
  if (surplus)
    throw new UserError(
      `understudy inspect --augment shows images and runs no model; leave ${surplus.startsWith('ref') ? `"${rest[surplus]}"` : `--${surplus}`} out`,
    );
  if (data === undefined) throw new UserError('understudy inspect --augment: wanted images to show; add --data DIR');
  const { AUGMENT_PRESETS } = await import('../config/augmentPresets.ts');
  if (!Object.hasOwn(AUGMENT_PRESETS, augment)) throw unknownName('preset', augment, Object.keys(AUGMENT_PRESETS));
  const { contactSheet } = await import('../run/looking/augmentSheet.ts');
  const { print, printJson, table } = await import('./text.ts');
  const { whileRunning } = await import('./outcome.ts');
  const preset = augment as keyof typeof AUGMENT_PRESETS;
  const found = await whileRunning((start) => contactSheet(data, preset, `${out}/augment-${preset}.png`, start));
  if (json) return printJson(found);
  print(
    table([
      ['written', found.file],
      ['preset', `${preset} (${AUGMENT_PRESETS[preset].source})`],
      ['size', `${found.imageSize} px`],
      ['rows', found.rows.join(', ')],
    ]),
  );
}

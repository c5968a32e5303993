import type { RunConfig } from '../../../config/schema.ts';
import type { OwnModel } from '../../models/loaded.ts';

/** A network that was trained on other numbers than it is given learns them anew: that is said, not done in silence. */
export function toldOfPixels(init: OwnModel, { mean, std }: RunConfig['augment']): OwnModel {
  const own = init.preprocessing;
  const same = own.mean.every((m, c) => m === mean[c]) && own.std.every((s, c) => s === std[c]);
  if (same) return init;
  const note = `its preprocessor_config.json normalises by mean ${own.mean.join(' ')} and std ${own.std.join(' ')}, this run by ${mean.join(' ')} and ${std.join(' ')}. To keep its own: --set "augment.mean=[${own.mean.join(', ')}]" --set "augment.std=[${own.std.join(', ')}]"`;
  return { ...init, notes: [...init.notes, note] };
}

import { setOverride } from '../config/parse.ts';
import { SYNTHESIS_PRESETS, type SynthesisInput } from '../config/synthesis.ts';
import { unknownName } from '../graph/names.ts';

/** Settings of a preset, then `--set`. Values are checked where they are used. */
export function synthesisInput(preset: string, sets: readonly string[]): SynthesisInput {
  const found = Object.hasOwn(SYNTHESIS_PRESETS, preset) ? SYNTHESIS_PRESETS[preset] : undefined;
  if (!found) throw unknownName('preset', preset, Object.keys(SYNTHESIS_PRESETS));
  const input = structuredClone(found) as Record<string, unknown>;
  for (const assignment of sets) setOverride(input, assignment);
  return input as SynthesisInput;
}

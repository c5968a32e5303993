import { parseConfig, setOverride } from '../config/parse.ts';
import { describedSchema } from '../config/schema.ts';
import { SYNTHESIS_PRESETS, type SynthesisInput } from '../config/synthesis.ts';
import { unknownName } from '../graph/names.ts';
import type { Described } from '../run/models/described.ts';

/** `--set teacher.classes=FILE` says what a teacher is that others have trained; all else is the synthesis's. */
const TEACHER = 'teacher.';

/** What `--set teacher.KEY=VALUE` says, and the other settings. */
export function teacherSets(sets: readonly string[]): { described: Described; rest: string[] } {
  const given: Record<string, unknown> = {};
  for (const set of sets.filter((one) => one.startsWith(TEACHER))) setOverride(given, set.slice(TEACHER.length));
  return {
    described: parseConfig(describedSchema, given, 'teacher'),
    rest: sets.filter((one) => !one.startsWith(TEACHER)),
  };
}

/** Settings of a preset, then `--set`. Values are checked where they are used. */
export function synthesisInput(preset: string, sets: readonly string[]): SynthesisInput {
  const found = Object.hasOwn(SYNTHESIS_PRESETS, preset) ? SYNTHESIS_PRESETS[preset] : undefined;
  if (!found) throw unknownName('preset', preset, Object.keys(SYNTHESIS_PRESETS));
  const input = structuredClone(found) as Record<string, unknown>;
  for (const assignment of sets) setOverride(input, assignment);
  return input as SynthesisInput;
}

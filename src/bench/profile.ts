import { readdirSync, readFileSync } from 'node:fs';

/** An operator of a step as ONNX Runtime's profile has it. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}

/** What the operators of one kind take in one kind of layer. */
export interface ProfileRow {
  /** Numbers of blocks are left out: all blocks are one layer. */
  readonly layer: string;
  readonly operator: string;
  /** Operators of this kind in a step. */
  readonly count: number;
  readonly milliseconds: number;
  /** Of the time of all operators, 0 to 1. */
  readonly share: number;
}

/** The suffix of the event that is the operator's own time. */
const KERNEL = '_kernel_time';

/** Events of `runs` steps as rows, the longest first. */
export function profileRows(events: readonly ProfileEvent[], runs: number): ProfileRow[] {
  const found = new Map<string, { layer: string; operator: string; count: number; micros: number }>();
  let all = 0;
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith(KERNEL)) continue;
    const [label, operator] = [name.slice(0, Math.max(0, name.lastIndexOf('/'))), args?.op_name ?? 'unknown'];
    const layer = label.replaceAll(/\.\d+(?=\.|$)/g, '.*') || 'other';
    const key = `${layer} ${operator}`;
    const row = found.get(key) ?? { layer, operator, count: 0, micros: 0 };
    found.set(key, { ...row, count: row.count + 1, micros: row.micros + dur });
    all += dur;
  }
  return [...found.values()]
    .map(({ layer, operator, count, micros }) => ({
      ...{ layer, operator, count: count / runs },
      ...{ milliseconds: micros / 1000 / runs, share: micros / all },
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

/** The profile that a session has written into a folder. */
export function readProfile(folder: string): ProfileEvent[] {
  const [file] = readdirSync(folder);
  return JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as ProfileEvent[];
}

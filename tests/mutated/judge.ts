import type { Outcome } from './reader.ts';
import type { Kind } from './seeds.ts';

/** What JavaScript, and not we, would say: a message with it was made by accident. */
const RAW = [
  /Cannot (read propert|set |destructure |convert |mix |access )/,
  /is not (a function|iterable|defined|a constructor|extensible)/,
  /(Reference|Range|Type|Syntax|Internal|Assertion)Error/,
  /Invalid (typed array|array|string|array buffer|count) /i,
  /Array buffer allocation|out of bounds|outside the bounds|offset should be|is out of range/i,
  /Maximum call stack|circular structure|ERR_[A-Z]|Unexpected token|in JSON at/,
  /\bundefined\b|\[object |\bNaN\b|internal:/,
  /^\s+at .+\(?.+:\d+:\d+\)?$/m,
  /\.(js|ts|mjs):\d+/,
];

/** Characters; a message is for reading. */
const LONGEST = 3000;

/** Our choice: of processor time, which does not depend on what else the machine does, and of memory. */
export const MOST_MS = 5000;
export const MOST_BYTES = 2 ** 30;

/** Why an outcome is not what a user should get; undefined where it is. */
export function faultOf(kind: Kind, name: string, { state, message = '', cpuMs = 0 }: Outcome): string | undefined {
  if (cpuMs > MOST_MS) return `took ${Math.round(cpuMs)} ms of the processor`;
  if (state === 'read') return undefined;
  if (state === 'crashed') return `not a message for users: ${message}`;
  // What stands in the file may be quoted, and where JSON ends to be JSON is told in the runtime's words.
  const ours = message
    .replace(
      /(wanted (?:valid )?JSON(?: in UTF-8)?, got )[\s\S]*?(?= The file is damaged| The checkpoint is damaged|$)/,
      '$1',
    )
    .replace(/(?<=, )got (NaN|Infinity|-Infinity)(?= )|NaN or infinite numbers/g, 'got such')
    .replace(/"[^"]*"/g, '""')
    .replace(/unknown key \S+|Did you mean \S+/g, '');
  const raw = RAW.find((pattern) => pattern.test(ours));
  if (raw) return `a raw error in the message (${raw.source}): ${message}`;
  if (message.length > LONGEST) return `a message of ${message.length} characters: ${message.slice(0, 300)}`;
  // Of a folder with several files any may be what does not fit; the settings of a run are the one that is spoilt.
  const place = kind === 'folder' ? name : name.split('/')[0]!;
  // An image that a table names has a name of its own; one in a shard has the shard's and its own.
  const named =
    kind === 'csv' && state === 'bad' ? /^Cannot read image ./ : new RegExp(`${place.replaceAll('.', '\\.')}`);
  // A command has one file of settings; what a file leaves to flags is told as missing in "the file of --config".
  const missing = kind === 'run' && /^understudy train: missing .+ in the file of --config/.test(message);
  // Numbers of a checkpoint that only a step makes infinite are told as such of any training.
  const diverged = kind === 'optimizer' && /^the student.*: wanted finite logits/.test(message);
  if (!named.test(message) && !missing && !diverged) return `a message that does not name the file: ${message}`;
  if (state === 'bad' && kind !== 'csv' && !/\.tar: ./.test(message))
    return `the image in the shard has no name: ${message}`;
  return undefined;
}

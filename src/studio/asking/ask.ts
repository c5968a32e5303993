import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../graph/errors.ts';
import type { Question, Said } from './question.ts';

/** The compiled program, also for code that runs from src/. */
const MAIN = fileURLToPath(new URL('../../../dist/studio/asking/askMain.js', import.meta.url));

/** Our choice: questions that load a model or a million names, at a time; the others wait. */
const AT_ONCE = 2;

export interface Answer<H> {
  readonly head: H;
  readonly body: Buffer;
}

let asked = 0;
const waiting: (() => void)[] = [];

/**
 * Asks in a process of its own, which gives all its memory back when it has answered: the studio stays small, whatever a model or a
 * list of images takes.
 * @throws UserError with what that process said.
 */
export async function ask<H>(
  question: Question,
  args: readonly string[],
  { onSaid, signal }: { readonly onSaid?: (said: Said) => void; readonly signal?: AbortSignal } = {},
): Promise<Answer<H>> {
  while (asked >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  asked++;
  try {
    return await answered<H>([MAIN, question, ...args], onSaid, signal);
  } finally {
    asked--;
    waiting.shift()?.();
  }
}

function answered<H>(
  args: readonly string[],
  onSaid: ((said: Said) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<Answer<H>> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const pieces: Buffer[] = [];
  let [line, error] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (line + text).split('\n');
    line = lines.pop()!;
    for (const one of lines) {
      const said = parsed(one);
      if (said?.error !== undefined) error = said.error;
      else if (said) onSaid?.(said);
      else error ||= one;
    }
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      if (status !== 0) return reject(new UserError(error || `the question ended with status ${status}`));
      const all = Buffer.concat(pieces);
      const end = all.indexOf(10);
      resolve({ head: JSON.parse(all.subarray(0, end).toString('utf8')) as H, body: all.subarray(end + 1) });
    });
  });
}

function parsed(line: string): Said | undefined {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return undefined;
  }
}

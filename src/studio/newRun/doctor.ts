import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { schemaProblem } from '../../formats/disk/schemaProblem.ts';
import { UserError } from '../../graph/errors.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

const word = z.string().min(1).max(4096);
const requestSchema = z.strictObject({
  data: word,
  teacher: word.optional(),
  student: word.optional(),
  method: word.optional(),
  set: z.array(word).max(256).default([]),
});

/** One at a time: it loads the machine, to measure what it would do. */
let examining = false;

/**
 * What `understudy doctor --json` says, from a process of its own, which ends where the page goes away.
 * @throws UserError where it cannot be asked, or another one is being.
 */
export async function askDoctor(root: string, request: unknown, signal: AbortSignal): Promise<unknown> {
  const checked = requestSchema.safeParse(request);
  if (!checked.success) throw new UserError(`the request: ${schemaProblem(checked.error)}`);
  if (examining) throw new UserError('the doctor is looking at something already; ask again when it is done');
  const { set, ...flags } = checked.data;
  const args = [
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ...set.map((assignment) => `--set=${assignment}`),
  ];
  examining = true;
  try {
    const { stdout, stderr } = await finished([MAIN, 'doctor', '--json', ...args], root, signal);
    if (stdout.trim() === '') throw new UserError(stderr.replace(/^error: /m, '').trim() || 'the doctor said nothing');
    return JSON.parse(stdout) as unknown;
  } finally {
    examining = false;
  }
}

function finished(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const texts = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr = (texts.stderr + text).slice(-20_000);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(texts));
  });
}

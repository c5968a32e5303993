import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { UserError } from '../graph/errors.ts';
import type { Link } from './forecast.ts';

/** Bytes that are sent; our choice: half a second on 1 Gb/s. */
const BYTES = 64 * 2 ** 20;
const MESSAGES = 20;

/**
 * The link to a machine that ssh reaches: what it takes in of random bytes, and the way there and back of single ones. ssh encrypts on one
 * core, some 0.5 GB/s, so a faster link shows as that.
 * @param command what reaches it, before the host
 * @throws UserError where it is not reached
 */
export async function measureLink(
  host: string,
  command: readonly string[] = ['ssh', '-o', 'BatchMode=yes'],
): Promise<Link> {
  const [program = 'ssh', ...args] = command;
  const child = spawn(program, [...args, '--', host, 'cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const failed = new Promise<never>((_, reject) => {
    const refuse = (why: string) =>
      reject(new UserError(`--link ssh:${host}: wanted a machine that ssh reaches without a question, got ${why}`));
    child.on('error', ({ message }) => refuse(message));
    child.on('close', (status) => refuse(errors.trim() || `its end with status ${status}`));
    child.stdin.on('error', () => undefined);
  });
  failed.catch(() => undefined);
  let [back, wanted, all] = [0, 0, (): void => undefined];
  child.stdout.on('data', (bytes: Buffer) => {
    back += bytes.length;
    if (back >= wanted) all();
  });
  /** Sends bytes and waits until as many have come back. */
  const thereAndBack = async (bytes: Uint8Array): Promise<number> => {
    const began = performance.now();
    const returned = new Promise<void>((resolve) => {
      [back, wanted, all] = [0, bytes.length, resolve];
    });
    child.stdin.write(bytes);
    await returned;
    return (performance.now() - began) / 1000;
  };
  try {
    return await Promise.race([failed, measured(thereAndBack)]);
  } finally {
    child.kill();
  }
}

/** Each machine sends as much as it receives, as in an exchange. */
async function measured(thereAndBack: (bytes: Uint8Array) => Promise<number>): Promise<Link> {
  await thereAndBack(new Uint8Array(1));
  let latency = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MESSAGES; i++) latency = Math.min(latency, (await thereAndBack(new Uint8Array(1))) / 2);
  return { bytesPerSecond: BYTES / (await thereAndBack(randomBytes(BYTES))), latency };
}

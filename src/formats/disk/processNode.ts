import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process as locks and temporary names tell of it. */
export interface ProcessName {
  readonly pid: number;
  readonly host: string;
  /** Id of the boot and the start of the process in clock ticks since then; '' where the system does not say. */
  readonly started: string;
  /** Its pid namespace (a container has its own): pids of another one are not ours. '' where the system has none. */
  readonly namespace: string;
}

/** A process of this machine. */
export function processOf(pid: number): ProcessName {
  return { pid, host: hostname(), started: startOf(pid), namespace: namespaceNow() };
}

export const thisProcess = (): ProcessName => processOf(process.pid);

/**
 * Whether a process is alive; undefined where it cannot be asked from here: it is on another machine, of another boot (which is
 * gone, or a machine that has the same name), or in another pid namespace.
 */
export function isAlive({ pid, host, started, namespace }: ProcessName): boolean | undefined {
  const boot = bootNow();
  if (host !== hostname() || namespace !== namespaceNow() || (started !== '' && bootOf(started) !== boot))
    return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return started === '' || now === '' || started === now;
}

/** Where pids mean the same: machine, boot and pid namespace in 8 hexadecimal digits. */
export function processPlace(): string {
  const place = JSON.stringify([hostname(), bootNow(), namespaceNow()]);
  return createHash('sha256').update(place).digest('hex').slice(0, 8);
}

/** The start of a process in clock ticks since the boot, '0' where the system does not say. */
export const startTicks = (pid: number): string => startOf(pid).split('/')[1] ?? '0';

const bootOf = (started: string): string => started.split('/')[0]!;

/** Linux: the boot's id and the process's start in clock ticks since then (proc(5), stat field 22). '' elsewhere. */
function startOf(pid: number): string {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 2, the command in brackets, may hold spaces; field 3 follows its last bracket.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    // A zombie keeps its pid until its parent asks for it, but it writes nothing any more.
    return fields[0] === 'Z' ? `${bootNow()}/ended` : `${bootNow()}/${fields[19]}`;
  } catch {
    return '';
  }
}

function bootNow(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** `pid:[4026531836]`: the number is the same on all machines for the outermost one, so it says nothing without the boot. */
function namespaceNow(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockName } from '../../formats/disk/folderLockNode.ts';
import { isAlive, type ProcessName } from '../../formats/disk/processNode.ts';
import { type BatchRecord, batchRecord, roundFolder } from './batchFolder.ts';

/** Batches that are finished, by their records, and the processes of this machine that make others. */
export interface SetProgress {
  readonly finished: readonly BatchRecord[];
  readonly makers: readonly ProcessName[];
}

/** How far a round of a set is, without looking at its images. */
export async function setProgress(out: string, round: number): Promise<SetProgress> {
  const folder = roundFolder(out, round);
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^\d{5,}$/.test(name)).sort();
  const finished: BatchRecord[] = [];
  const makers = new Map<number, ProcessName>();
  for (const name of names) {
    const record = await batchRecord(out, round, Number(name));
    if (record) finished.push(record);
    const maker = record ? undefined : await ownerOf(join(folder, name, lockName));
    if (maker) makers.set(maker.pid, maker);
  }
  return { finished, makers: [...makers.values()] };
}

/** The process of this machine that has a lock; undefined where there is none, or it is gone or elsewhere. */
async function ownerOf(path: string): Promise<ProcessName | undefined> {
  try {
    const { pid, host, started, namespace } = JSON.parse(await readFile(path, 'utf8')) as ProcessName;
    const owner = { pid, host, started, namespace };
    return Number.isInteger(pid) && pid > 0 && isAlive(owner) === true ? owner : undefined;
  } catch {
    return undefined;
  }
}

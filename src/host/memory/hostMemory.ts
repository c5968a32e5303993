import { alone, type Ranks } from '../../cluster/ranks.ts';
import { referenceEngine } from '../../engine/reference.ts';
import type { Host } from '../host.ts';
import { memoryKeeper } from '../outputsMemory.ts';
import { rankFiles } from '../rankFiles.ts';
import { sha256 } from '../sha256.ts';
import { type MemoryDisk, memoryFiles } from './filesMemory.ts';
import { plainLoader, type ReadPixels } from '../../data/loading/plainLoader.ts';

export interface MemoryOptions {
  readonly disk: MemoryDisk;
  readonly read: ReadPixels;
  /** Called before each change of the disk; one that throws acts as a kill. */
  readonly before?: (change: string) => void;
  /** What is asked of the run, by look. */
  readonly wish?: Host['wish'];
  /** Several ranks share the disk. Default: a process by itself. */
  readonly ranks?: Ranks;
}

/** A run without a platform: a folder in memory, computed images, the interpreter, and a clock on which each look takes 10 ms. */
export function memoryHost({ disk, read, before, wish, ranks = alone() }: MemoryOptions): Host {
  let time = 0;
  const tick = () => {
    time += 10;
    return time;
  };
  return {
    engine: referenceEngine({ rounds: true }),
    computed: 'the interpreter',
    clock: { now: tick, elapsed: tick },
    ranks,
    loader: (options) => plainLoader(options, read),
    outputs: memoryKeeper(),
    files: rankFiles(memoryFiles('run', disk, before), ranks),
    writer: 'memory',
    ...(wish && { wish }),
    sha256,
    gzip: async (text) => new TextEncoder().encode(text),
    gunzip: async (bytes) => new TextDecoder().decode(bytes),
  };
}

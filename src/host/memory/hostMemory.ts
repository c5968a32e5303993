import { referenceEngine } from '../../engine/reference.ts';
import type { Host } from '../host.ts';
import { sha256 } from '../sha256.ts';
import { type MemoryDisk, memoryFiles } from './filesMemory.ts';
import { plainLoader, type ReadPixels } from '../../data/loading/plainLoader.ts';

export interface MemoryOptions {
  readonly disk: MemoryDisk;
  readonly read: ReadPixels;
  /** Called before each change of the disk; one that throws acts as a kill. */
  readonly before?: (change: string) => void;
}

/** A run without a platform: a folder in memory, computed images, the interpreter, and a clock on which each look takes 10 ms. */
export function memoryHost({ disk, read, before }: MemoryOptions): Host {
  let time = 0;
  const tick = () => {
    time += 10;
    return time;
  };
  return {
    engine: referenceEngine({ rounds: true }),
    computed: 'the interpreter',
    clock: { now: tick, elapsed: tick },
    loader: (options) => plainLoader(options, read),
    outputs: undefined,
    files: memoryFiles('run', disk, before),
    writer: 'memory',
    sha256,
    gzip: async (text) => new TextEncoder().encode(text),
    gunzip: async (bytes) => new TextDecoder().decode(bytes),
  };
}

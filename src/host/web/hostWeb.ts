import { alone } from '../../cluster/ranks.ts';
import type { Engine } from '../../engine/contract.ts';
import { systemClock } from '../clock.ts';
import type { RunFiles } from '../files.ts';
import { memoryKeeper } from '../outputsMemory.ts';
import type { Host } from '../host.ts';
import { sha256 } from '../sha256.ts';

export interface WebHostOptions {
  readonly engine: Engine;
  /** What the engine computes on now. */
  readonly computed: () => string;
  readonly files: RunFiles;
  readonly loader: Host['loader'];
  readonly listen?: NonNullable<Host['listen']>;
}

/** A page or a worker: onnxruntime-web, the browser's files. */
export const webHost = ({ engine, computed, files, loader, listen }: WebHostOptions): Host => ({
  engine,
  get computed() {
    return computed();
  },
  clock: systemClock,
  ranks: alone(),
  loader,
  outputs: memoryKeeper(),
  files,
  writer: crypto.randomUUID().slice(0, 8),
  sha256,
  ...(listen && { listen }),
  gzip: async (text) => through(new Blob([text]), new CompressionStream('gzip')),
  gunzip: async (bytes) =>
    new TextDecoder().decode(await through(new Blob([bytes.slice()]), new DecompressionStream('gzip'))),
});

const through = async (blob: Blob, change: CompressionStream | DecompressionStream): Promise<Uint8Array> =>
  new Uint8Array(await new Response(blob.stream().pipeThrough(change)).arrayBuffer());

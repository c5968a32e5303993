import { createHash } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { alone, type Ranks } from '../../cluster/ranks.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import { sourceLoader } from '../../data/loading/sourceLoaderNode.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import type { Device } from '../../engine/devices.ts';
import type { Lock } from '../../formats/disk/lockNode.ts';
import { computedOn, engineFor } from '../../engine/engineForNode.ts';
import { makeFolder } from '../../formats/disk/makeFolderNode.ts';
import { systemClock } from '../clock.ts';
import { memoryKeeper } from '../outputsMemory.ts';
import { openAppendFile } from './appendFileNode.ts';
import type { Host, Platform } from '../host.ts';
import { rankFiles } from '../rankFiles.ts';
import { nodeFiles } from './filesNode.ts';
import { takeWish } from './wishNode.ts';
import { outputKeeper } from './outputsNode.ts';

export interface NodeOptions {
  readonly device: Device;
  /** Threads of an operator; the CPU alone. */
  readonly threads: number | 'auto';
  /** Images of the caller's own: nothing is kept of them, since nothing says whether they are still the same. */
  readonly source?: ImageSource | undefined;
  /** A lock of a larger thing that the run's folder is a part of. */
  readonly covers?: Lock | undefined;
  /** Processes that train together. Default: this one by itself. */
  readonly ranks?: Ranks | undefined;
}

/** Node: ONNX Runtime, worker threads, the disk. */
export function nodePlatform({ device, threads, source, ranks = alone() }: NodeOptions): Platform {
  const cores = coresOf(ranks);
  const own = ranks.sharing === 1 ? {} : { threads: cores };
  return {
    engine: engineFor(device, threads === 'auto' ? own : { threads }),
    clock: systemClock,
    ranks,
    loader: source
      ? (options) => sourceLoader(source, options)
      : (options) => createLoader(ranks.sharing === 1 ? options : { workers: Math.max(1, cores - 1), ...options }),
    outputs: source ? memoryKeeper() : outputKeeper,
  };
}

/** Of the cores that several ranks share, this one's. */
const coresOf = ({ sharing }: Ranks): number => Math.max(1, Math.floor(availableParallelism() / sharing));

/** A million paths are a few megabytes: the quickest level does. */
const LEVEL = 1;

/** Node with the folder of a run. `report` draws its page. */
export function nodeHost(dir: string, options: NodeOptions, report?: Host['report']): Host {
  const platform = nodePlatform(options);
  return {
    ...platform,
    computed: computedOn(options.device, options.threads, coresOf(platform.ranks)),
    files: rankFiles(nodeFiles(dir, options.covers), platform.ranks, (path) => {
      makeFolder(dir);
      return openAppendFile(join(dir, path), 'a');
    }),
    folder: process.cwd(),
    writer: `${hostname()}.${process.pid}`,
    sha256: async (pieces) => {
      const sum = createHash('sha256');
      for (const piece of pieces) sum.update(piece);
      return sum.digest('hex');
    },
    gzip: (text) => promisify<string, object, Uint8Array>(gzip)(text, { level: LEVEL }),
    wish: () => takeWish(dir),
    gunzip: async (bytes) => new TextDecoder().decode(await promisify(gunzip)(bytes)),
    ...(report && { report }),
  };
}

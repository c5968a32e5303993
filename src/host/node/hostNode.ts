import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { ImageSource } from '../../data/imageSource.ts';
import { sourceLoader } from '../../data/loading/sourceLoaderNode.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import type { Device } from '../../engine/devices.ts';
import type { Lock } from '../../formats/disk/lockNode.ts';
import { computedOn, engineFor } from '../../engine/engineForNode.ts';
import { systemClock } from '../clock.ts';
import type { Host, Platform } from '../host.ts';
import { nodeFiles } from './filesNode.ts';
import { outputKeeper } from './outputsNode.ts';

export interface NodeOptions {
  readonly device: Device;
  /** Threads of an operator; the CPU alone. */
  readonly threads: number | 'auto';
  /** Images of the caller's own: nothing is kept of them, since nothing says whether they are still the same. */
  readonly source?: ImageSource | undefined;
  /** A lock of a larger thing that the run's folder is a part of. */
  readonly covers?: Lock | undefined;
}

/** Node: ONNX Runtime, worker threads, the disk. */
export function nodePlatform({ device, threads, source }: NodeOptions): Platform {
  return {
    engine: engineFor(device, threads === 'auto' ? {} : { threads }),
    clock: systemClock,
    loader: source ? (options) => sourceLoader(source, options) : createLoader,
    outputs: source ? undefined : outputKeeper,
  };
}

/** A million paths are a few megabytes: the quickest level does. */
const LEVEL = 1;

/** Node with the folder of a run. `report` draws its page. */
export function nodeHost(dir: string, options: NodeOptions, report?: Host['report']): Host {
  return {
    ...nodePlatform(options),
    computed: computedOn(options.device, options.threads),
    files: nodeFiles(dir, options.covers),
    writer: `${hostname()}.${process.pid}`,
    sha256: async (pieces) => {
      const sum = createHash('sha256');
      for (const piece of pieces) sum.update(piece);
      return sum.digest('hex');
    },
    gzip: (text) => promisify<string, object, Uint8Array>(gzip)(text, { level: LEVEL }),
    gunzip: async (bytes) => new TextDecoder().decode(await promisify(gunzip)(bytes)),
    ...(report && { report }),
  };
}

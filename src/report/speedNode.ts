import { availableParallelism } from 'node:os';
import { type Ort, ort } from '../engine/onnxRuntimeNode.ts';
import { stream } from '../random/stream.ts';

/** How fast an exported file answers, by ONNX Runtime on the CPU of this machine. */
export interface Speed {
  /** One image at a time, milliseconds. */
  readonly latency: { readonly median: number; readonly p90: number; readonly runs: number };
  readonly throughput: { readonly imagesPerSec: number; readonly batch: number };
  /** Cores that ONNX Runtime may use. */
  readonly cores: number;
}

const BATCH = 16;
/** Our choice: short enough to end every run with, long enough for a figure of two digits. */
const SECONDS = 0.5;
/** Our choice: of fewer a machine that is busy for a moment makes the median. */
const LEAST_RUNS = 5;
const MOST_RUNS = 50;

/** Times an exported file on noise of its input size. */
export async function measureSpeed(file: string, imageSize: number): Promise<Speed> {
  const session = await ort.InferenceSession.create(file, { executionProviders: ['cpu'], logSeverityLevel: 3 });
  try {
    const single = (await times(session, 1, imageSize, LEAST_RUNS)).sort((a, b) => a - b);
    const at = (share: number) => single[Math.min(single.length - 1, Math.floor(share * single.length))]!;
    const batches = await times(session, BATCH, imageSize, 1);
    const seconds = batches.reduce((a, b) => a + b, 0) / 1000;
    return {
      latency: { median: at(0.5), p90: at(0.9), runs: single.length },
      throughput: { imagesPerSec: (BATCH * batches.length) / seconds, batch: BATCH },
      cores: availableParallelism(),
    };
  } finally {
    await session.release();
  }
}

function imagePort({ inputMetadata }: Ort.InferenceSession): { name: string; shape: readonly (number | string)[] } {
  const port = inputMetadata[0]!;
  return { name: port.name, shape: port.isTensor ? port.shape : [] };
}

/** Milliseconds of each run, after one that does not count: the first one allocates. */
async function times(session: Ort.InferenceSession, batch: number, size: number, least: number): Promise<number[]> {
  const random = stream('speed', batch);
  const data = Float32Array.from({ length: batch * 3 * size * size }, () => random.normal());
  // A network that came as ONNX has a name of its own for the image, and perhaps another layout.
  const { name, shape } = imagePort(session);
  const dims = shape.at(-1) === 3 ? [batch, size, size, 3] : [batch, 3, size, size];
  const feeds = { [name]: new ort.Tensor('float32', data, dims) };
  await session.run(feeds);
  const found: number[] = [];
  const end = performance.now() + 1000 * SECONDS;
  do {
    const start = performance.now();
    await session.run(feeds);
    found.push(performance.now() - start);
  } while (found.length < least || (performance.now() < end && found.length < MOST_RUNS));
  return found;
}

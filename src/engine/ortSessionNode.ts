import { type Ort, ort } from './onnxRuntimeNode.ts';
import { emit } from '../onnx/emit.ts';
import type { Program } from '../program/program.ts';
import { sumsOverRows } from './sumsOverRows.ts';
import { STOP, stopMessage } from './withoutCopiesNode.ts';

export interface SessionSettings {
  /** Threads inside an operator; undefined: one a core. */
  readonly threads: number | undefined;
  /** Undefined: no profile. */
  readonly profilePrefix?: string | undefined;
}

type Tensors = Readonly<Record<string, Ort.Tensor>>;

export interface OrtSession {
  /** Blocks the thread that calls it while it computes; writes into the tensors of `into`. */
  run(feeds: Tensors, into: Tensors): Promise<void>;
  release(): Promise<void>;
}

/** A program as the model that `openSession` takes. */
export async function modelOf(program: Program): Promise<Uint8Array> {
  return emit(sumsOverRows(program), (await stopMessage()) === undefined ? {} : { emptySequence: STOP });
}

/** ONNX Runtime's native CPU kernels, on this thread and its own. */
export async function openSession(model: Uint8Array, settings: SessionSettings): Promise<OrtSession> {
  const stop = await stopMessage();
  const session = await ort.InferenceSession.create(model, sessionOptions(settings));
  return {
    run: async (feeds, into) => {
      const fetches = stop === undefined ? into : { [STOP]: null, ...into };
      await session.run(feeds, fetches).catch((error: unknown) => {
        if (String(error) !== stop) throw error;
      });
    },
    release: () => session.release(),
  };
}

/**
 * Microseconds for which a thread spins at the end of an operator before it sleeps; ONNX Runtime's own choice is a thousand. Longer
 * than the wait of threads that all have a core, so that an idle machine is as fast as with its choice (a step of vit_pico on 8 and
 * 50 images: 12.2 to 12.0, 45 to 44 ms; DeiT-Ti on 16: 852 to 870); where other programs hold a thread up, the others do not burn the
 * time that it waits for (at a load of 15 on 2 cores: 16 to 92, 72 to 394, 7463 to 10763 ms). Not to spin at all costs an idle machine
 * 14 %.
 */
const SPIN = '50';

function sessionOptions({ threads, profilePrefix }: SessionSettings): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Without a planned layout freed buffers are reused while they are in the cache: 40 % less memory for a DeiT-Ti step, and no slower.
    enableMemPattern: false,
    // Work is handed out in shrinking blocks, so that a core that was held up does not make the other wait. Threads do not spin
    // after a run: the teacher's would slow down the student's step, and both the loader.
    extra: { session: { dynamic_block_base: '4', force_spinning_stop: '1', intra_op: { spin_duration_us: SPIN } } },
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

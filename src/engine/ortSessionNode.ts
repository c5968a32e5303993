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

function sessionOptions({ threads, profilePrefix }: SessionSettings): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Without a planned layout freed buffers are reused while they are in the cache: 40 % less memory for a DeiT-Ti step, and no slower.
    enableMemPattern: false,
    // Work is handed out in shrinking blocks, so that a core that was held up does not make the other wait. Threads do not spin
    // after a run: the teacher's would slow down the student's step, and both the loader.
    extra: { session: { dynamic_block_base: '4', force_spinning_stop: '1' } },
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ort } from './onnxRuntimeNode.ts';
import { UserError } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import { emit } from '../onnx/emit.ts';
import { type Engine, hostArray } from './contract.ts';
import { compiledOn, OrtTensor } from './ortNode.ts';
import type { OrtSession } from './ortSessionNode.ts';

/** What the install script of onnxruntime-node 1.30 downloads for `cuda12`, for Linux on x64 alone. */
const CUDA_FILES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
const PLACE = 'linux/x64';

/**
 * ONNX Runtime's CUDA kernels in Node. Tensors lie in the host's memory and are copied for each run: onnxruntime-node 1.30 keeps
 * none on a CUDA device. Not measured: no machine with CUDA was at hand when this was written; choosing and refusing are tested.
 * @throws UserError where its files are not installed, with the line that installs them.
 */
export function ortCuda(bin = runtimeBin()): Engine {
  checkCuda(bin, `${process.platform}/${process.arch}`);
  return {
    name: 'ort-node-cuda',
    tensor: (dtype, shape, data) => new OrtTensor(dtype, shape, data),
    empty: (dtype, shape) => new OrtTensor(dtype, shape, hostArray(dtype, sizeOf(shape))),
    compile: async (program) => compiledOn(program, await openCudaSession(emit(program))),
  };
}

/** The folder of the runtime's libraries, with a folder for each system. */
const runtimeBin = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '../bin/napi-v6');

export function checkCuda(bin: string, place: string): void {
  if (place !== PLACE)
    throw new UserError(
      `device cuda: wanted Linux on x64, for which ONNX Runtime has CUDA kernels in Node, got ${place}. Compute on cpu or webgpu instead`,
    );
  const missing = CUDA_FILES.filter((file) => !existsSync(join(bin, place, file)));
  if (missing.length > 0)
    throw new UserError(
      `device cuda: wanted ${CUDA_FILES.join(' and ')} of ONNX Runtime, got none of ${missing.join(', ')}. With CUDA 12 and cuDNN 9 on the machine, this line downloads them:\n  ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node\nOr compute on cpu or webgpu`,
    );
}

async function openCudaSession(model: Uint8Array): Promise<OrtSession> {
  try {
    const session = await ort.InferenceSession.create(model, {
      executionProviders: ['cuda'],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
    return {
      run: async (feeds, into) => void (await session.run(feeds, into)),
      release: () => session.release(),
    };
  } catch (error) {
    throw new UserError(
      `device cuda: wanted a GPU with CUDA 12 and cuDNN 9, got: ${(error as Error).message.split('\n')[0]}. Compute on cpu or webgpu instead`,
    );
  }
}

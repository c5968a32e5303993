import { ort } from './onnxRuntimeNode.ts';
import { input } from '../graph/build.ts';
import { emit } from '../onnx/emit.ts';
import { neg } from '../ops/elementwise.ts';
import { closeProgram } from '../program/program.ts';

/** The name of the output at which a run ends. */
export const STOP = 'end of run';

/**
 * ONNX Runtime writes outputs where it is told to; then its Node binding copies each of them once more, into an array that
 * nobody asked for. For a training step that is three times the parameters, a tenth of a DeiT-Ti step. The binding takes the
 * outputs in their order and refuses to hand out a sequence: with an empty one in front of them, a run ends by an error when
 * all is written and nothing copied. This is that error's message on the installed version; undefined where a run does not end
 * so, and an output more would be of no use.
 */
export function stopMessage(): Promise<string | undefined> {
  known ??= probe();
  return known;
}

let known: Promise<string | undefined> | undefined;

async function probe(): Promise<string | undefined> {
  const program = closeProgram({ y: neg(input('x', [1])) });
  const model = emit(program, { emptySequence: STOP });
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 }).catch(() => undefined);
  if (!session) return undefined;
  const x = new ort.Tensor('float32', new Float32Array([2]), [1]);
  const y = new Float32Array(1);
  try {
    await session.run({ x }, { [STOP]: null, y: new ort.Tensor('float32', y, [1]) });
    return undefined;
  } catch (error) {
    return y[0] === -2 ? String(error) : undefined;
  } finally {
    await session.release();
  }
}

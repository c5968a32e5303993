import { largest } from '../../graph/lists.ts';
import type { Compiled, Engine } from '../../engine/contract.ts';
import { checkRows } from '../../engine/finiteAnswer.ts';
import { constantOf, input } from '../../graph/build.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { normalise, normaliseTable } from '../../data/augment/normalise.ts';
import { reduceMean, reduceSumSquare } from '../../ops/reduce.ts';
import { mul } from '../../ops/elementwise.ts';
import { buildFrozen } from '../../program/evalProgram.ts';
import { closeProgram, type Program } from '../../program/program.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { Picture } from './pictures.ts';

/** What the teacher sees in finished pictures. */
export interface Look {
  /** [B,K] */
  readonly logits: Float32Array;
  /** [B,D] */
  readonly pooled: Float32Array;
  /** At each BatchNorm, of each image: mean and mean square of each channel, [B,C]. */
  readonly norms: readonly { readonly mean: Float32Array; readonly square: Float32Array }[];
}

/** A BatchNorm's running statistics, by channel. */
export interface RunningNorm {
  readonly name: string;
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

/** Shows pictures to a teacher, a fixed number at a time. */
export class TeacherEye {
  readonly batch: number;
  readonly norms: readonly RunningNorm[];
  readonly #teacher: LoadedModel;
  readonly #side: number;
  readonly #engine: Engine;
  readonly #program: Program;
  readonly #compiled: Compiled;

  private constructor(
    teacher: LoadedModel,
    side: number,
    batch: number,
    engine: Engine,
    program: Program,
    compiled: Compiled,
    norms: readonly RunningNorm[],
  ) {
    [this.#teacher, this.#side, this.batch] = [teacher, side, batch];
    [this.#engine, this.#program, this.#compiled, this.norms] = [engine, program, compiled, norms];
  }

  static async open(teacher: LoadedModel, side: number, batch: number, engine: Engine): Promise<TeacherEye> {
    const pixels = input('pixels', [batch, 3, side, side]);
    const { logits, pooled, normStats = [] } = buildFrozen(teacher.network, pixels, teacher.weights);
    const outputs = new Map<string, Tensor>([['logits', logits]]);
    if (pooled) outputs.set('pooled', pooled);
    normStats.forEach(({ input: x }, i) => {
      outputs.set(`mean.${i}`, reduceMean(x, { axes: [2, 3] }));
      outputs.set(`square.${i}`, mul(reduceSumSquare(x, { axes: [2, 3] }), 1 / (x.shape[2]! * x.shape[3]!)));
    });
    const program = closeProgram(outputs);
    const held = (t: Tensor) => Array.from(constantOf(t)!.data, Number);
    const norms = normStats.map(({ name, mean, variance }) => ({ name, mean: held(mean), variance: held(variance) }));
    return new TeacherEye(teacher, side, batch, engine, program, await engine.compile(program), norms);
  }

  /**
   * Up to `batch` pictures; rows beyond them are of black images.
   * @param image what a picture is called in messages.
   * @throws UserError where a logit is NaN or infinite.
   */
  async look(pictures: readonly Picture[], image: (index: number) => string): Promise<Look> {
    const { mean, std } = this.#teacher.preprocessing;
    const [side, table] = [this.#side, normaliseTable(mean, std)];
    const values = new Float32Array(this.batch * 3 * side * side);
    pictures.forEach(
      ({ data }, i) => void normalise({ width: side, height: side, data }, table, values, i * 3 * side * side),
    );
    const into = Object.fromEntries(
      [...this.#program.outputs].map(([name, { dtype, shape }]) => [name, this.#engine.empty(dtype, shape)]),
    );
    await this.#compiled.run({ pixels: this.#engine.tensor('float32', [this.batch, 3, side, side], values) }, into);
    const read = async (name: string) =>
      into[name] ? ((await into[name].read()) as Float32Array) : new Float32Array();
    const norms = await Promise.all(
      this.norms.map(async (_, i) => ({ mean: await read(`mean.${i}`), square: await read(`square.${i}`) })),
    );
    const logits = await read('logits');
    const rows = Array.from({ length: this.batch }, (_, i) => (i < pictures.length ? i : -1));
    checkRows(logits, 'logits', { model: this.#teacher.path, image }, rows);
    return { logits, pooled: await read('pooled'), norms };
  }

  dispose(): Promise<void> {
    return this.#compiled.dispose();
  }
}

/** Cross entropy and probability of a class, of a row of logits. */
export function confidenceOf(logits: Float32Array, label: number): { loss: number; confidence: number } {
  const max = largest(logits);
  const total = logits.reduce((sum, z) => sum + Math.exp(z - max), 0);
  const loss = max + Math.log(total) - logits[label]!;
  return { loss, confidence: Math.exp(-loss) };
}

import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import type { UpdateParts } from '../program/trainProgram.ts';
import type { StepInputs } from './batch.ts';
import {
  type Measured,
  noiseFeeds,
  refuseNonFinite,
  epochFeeds,
  scalarFeeds,
  scalarPorts,
  type UpdateTask,
  weighed,
} from './updateParts.ts';

/**
 * Computes the micro-batches of an update beside each other, one a lane, and sums their gradients in their order: bit for bit
 * what one after the other gives with as many threads in an operator, for the memory of so many micro-batches. An update has at
 * least two.
 */
export class Lanes {
  readonly #engine: Engine;
  /** Engines whose tensors are good for all of them. */
  readonly engines: readonly Engine[];
  readonly parts: UpdateParts;
  readonly apply: Compiled;
  readonly #gradients: readonly Compiled[];
  /** The parameters, where the lanes read them. */
  readonly #params: Readonly<Record<string, EngineTensor>>;
  /** By lane: what it writes. */
  readonly #found: readonly Readonly<Record<string, EngineTensor>>[];
  /** Sums of gradients by the name of the vector, where they are of more micro-batches than there are lanes. */
  readonly #sums = new Map<string, Float32Array>();
  /** By step and micro-batch: inputs of the next update, which a lane began with before it was its turn. */
  readonly #ahead = new Map<string, Promise<StepInputs>>();

  private constructor(
    engine: Engine,
    engines: readonly Engine[],
    parts: UpdateParts,
    gradients: readonly Compiled[],
    apply: Compiled,
  ) {
    this.engines = engines;
    this.parts = parts;
    this.apply = apply;
    this.#gradients = gradients;
    const { inputs, outputs } = parts.gradient;
    const params = [...inputs].filter(([name]) => name.startsWith('param.'));
    this.#params = Object.fromEntries(
      params.map(([name, { dtype, shape }]) => [name, engines[0]!.empty(dtype, shape)]),
    );
    const wanted = [...outputs];
    this.#found = engines.map((lane) =>
      Object.fromEntries(wanted.map(([name, { dtype, shape }]) => [name, lane.empty(dtype, shape)])),
    );
    this.#engine = engine;
  }

  static async open(engine: Engine, engines: readonly Engine[], parts: UpdateParts): Promise<Lanes> {
    const gradients = await Promise.all(engines.map((lane) => lane.compile(parts.gradient)));
    return new Lanes(engine, engines, parts, gradients, await engine.compile(parts.apply));
  }

  /** The gradients of an update's micro-batches, as ports of `apply`. `tell` is told of each micro-batch in its order. */
  async gradients(
    loop: UpdateTask,
    step: number,
    tell: (values: Record<string, number>, taken: StepInputs) => void,
  ): Promise<Readonly<Record<string, EngineTensor>>> {
    const { accumulate, to } = loop;
    const now = loop.state.feeds();
    for (const [name, tensor] of Object.entries(this.#params)) tensor.write(await now[name]!.read());
    const ports: Record<string, EngineTensor> = {};
    for (let first = 0; first < accumulate; first += this.engines.length) {
      const here = this.engines.slice(0, accumulate - first);
      const nextUpdate = first + here.length === accumulate && step + 1 < to;
      // All come to their end before an error is thrown: none is left computing.
      const ended = await Promise.allSettled(
        here.map(async (engine, lane) => {
          const taken = await this.#inputs(loop, step, first + lane, lane);
          const drawn = { ...epochFeeds(engine, loop, step), ...noiseFeeds(engine, loop, step, first + lane) };
          await this.#gradients[lane]!.run({ ...this.#params, ...taken.feeds, ...drawn }, this.#found[lane]!);
          taken.release();
          // While the others compute and the update is applied, the teacher can look at the next images.
          if (nextUpdate) this.#lookAhead(loop, step + 1, lane);
          return taken;
        }),
      );
      for (const [lane, result] of ended.entries()) {
        if (result.status === 'rejected') throw result.reason;
        tell(await this.#take(lane, first + lane, accumulate, ports), result.value);
      }
    }
    return ports;
  }

  #inputs(loop: UpdateTask, step: number, micro: number, lane: number): Promise<StepInputs> {
    const ahead = this.#ahead.get(`${step} ${micro}`);
    this.#ahead.delete(`${step} ${micro}`);
    return ahead ?? loop.inputs(step, micro, lane);
  }

  #lookAhead(loop: UpdateTask, step: number, lane: number): void {
    const inputs = loop.inputs(step, lane, lane);
    // An error is thrown where they are taken.
    inputs.catch(() => undefined);
    this.#ahead.set(`${step} ${lane}`, inputs);
  }

  /** Takes a lane's gradients, the last ones or more for the sums, as `ports` of `apply`; gives its numbers. */
  async #take(
    lane: number,
    micro: number,
    accumulate: number,
    ports: Record<string, EngineTensor>,
  ): Promise<Record<string, number>> {
    const numbers: Record<string, number> = {};
    for (const [port, tensor] of Object.entries(this.#found[lane]!)) {
      const values = (await tensor.read()) as Float32Array;
      const name = port.slice('grad.'.length);
      const give = (place: string, of: Float32Array) => {
        ports[`${place}.${name}`] = this.#engine.tensor('float32', tensor.shape, of);
      };
      if (!port.startsWith('grad.')) numbers[port] = values[0]!;
      else if (micro === accumulate - 1) give('grad', values);
      else if (micro > 0) addTo((await ports[`acc.${name}`]!.read()) as Float32Array, values);
      else give('acc', accumulate > this.engines.length ? this.#kept(name, values) : values);
    }
    return numbers;
  }

  /** A copy of `values` in memory that stays. */
  #kept(name: string, values: Float32Array): Float32Array {
    const kept = this.#sums.get(name) ?? new Float32Array(values.length);
    kept.set(values);
    this.#sums.set(name, kept);
    return kept;
  }

  async dispose(): Promise<void> {
    await Promise.allSettled(this.#ahead.values());
    await this.apply.dispose();
    for (const compiled of this.#gradients) await compiled.dispose();
  }
}

export async function runUpdateInLanes(loop: UpdateTask, lanes: Lanes, step: number, lr: number): Promise<Measured> {
  const { engine, state, accumulate } = loop;
  const values: Record<string, number> = {};
  let [loss, waitSeconds] = [0, 0];
  let teacherSeconds: number | undefined;
  const sums = await lanes.gradients(loop, step, (found, taken) => {
    waitSeconds += taken.waitSeconds / lanes.engines.length;
    if (taken.teacherSeconds !== undefined)
      teacherSeconds = (teacherSeconds ?? 0) + taken.teacherSeconds / lanes.engines.length;
    loss += found.loss! / accumulate;
    refuseNonFinite(Object.assign(values, found), step);
  });
  const { outputs } = lanes.parts.apply;
  const scalars = scalarPorts(outputs.keys(), engine);
  const feeds = { ...state.feeds(), ...sums, ...scalarFeeds(loop, step, lr) };
  await lanes.apply.run(feeds, { ...state.into(outputs), ...scalars });
  for (const [name, tensor] of Object.entries(scalars)) values[name] = ((await tensor.read()) as Float32Array)[0]!;
  refuseNonFinite(values, step);
  await loop.measured?.(step, loss);
  state.commit(outputs);
  return { loss, terms: weighed(loop, step, values), gradNorm: values.gradNorm!, waitSeconds, teacherSeconds };
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}

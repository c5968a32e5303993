import { microsOf, type MicroResult, OrderedSum } from '../cluster/orderedSum.ts';
import { alone, type Ranks } from '../cluster/ranks.ts';
import type { WireName } from '../cluster/wire.ts';
import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import { largest } from '../graph/lists.ts';
import { sizeOf } from '../graph/shape.ts';
import type { TensorType } from '../graph/tensor.ts';
import { foldedPort, type UpdateParts } from '../program/updateParts.ts';
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

/** What a micro-batch says on its way: the seconds it waited for images and for the teacher (-1 without one). */
const TIMES = ['waitSeconds', 'teacherSeconds'] as const;
const isTime = (name: string): boolean => (TIMES as readonly string[]).includes(name);

type Places = ReadonlyMap<string, readonly [from: number, to: number]>;

type Tensors = Readonly<Record<string, EngineTensor>>;

/**
 * Computes the micro-batches of an update beside each other, on the lanes of this process and on all ranks, and sums their gradients
 * in their order: bit for bit what one after the other gives with as many threads in an operator. While the gradients of a round of
 * micro-batches are on their way to the other ranks, the lanes compute the next round. With a `wire` that rounds, the bits are those of
 * any number of lanes and ranks on that wire.
 */
export class Lanes {
  readonly #engine: Engine;
  /** Engines whose tensors are good for all of them. */
  readonly engines: readonly Engine[];
  readonly ranks: Ranks;
  readonly parts: UpdateParts;
  readonly apply: Compiled;
  readonly #fold: Compiled | undefined;
  readonly #gradients: readonly Compiled[];
  /** The parameters, where the lanes read them. */
  readonly #params: Tensors;
  /** By lane: what it writes. */
  readonly #found: readonly Tensors[];
  readonly #sum: OrderedSum;
  /** Places of what a head holds, by name: the gradient's other outputs and the times. */
  readonly #head: Places;
  /** By step and micro-batch: inputs of the next update, which a lane began with before it was its turn. */
  readonly #ahead = new Map<string, Promise<StepInputs>>();

  private constructor(
    engine: Engine,
    engines: readonly Engine[],
    ranks: Ranks,
    parts: UpdateParts,
    wire: WireName,
    compiled: {
      readonly gradients: readonly Compiled[];
      readonly apply: Compiled;
      readonly fold: Compiled | undefined;
    },
  ) {
    this.#engine = engine;
    this.engines = engines;
    this.ranks = ranks;
    this.parts = parts;
    this.apply = compiled.apply;
    this.#fold = compiled.fold;
    this.#gradients = compiled.gradients;
    const { inputs, outputs } = parts.gradient;
    const params = [...inputs].filter(([name]) => name.startsWith('param.'));
    this.#params = emptyOn(engines[0]!, params);
    this.#found = engines.map((lane) => emptyOn(lane, outputs));
    const isGradient = (name: string) => name.startsWith('grad.');
    const sizes = [...outputs].map(([name, { shape }]) => [name, sizeOf(shape)] as const);
    this.#head = placesOf([...sizes.filter(([name]) => !isGradient(name)), ...TIMES.map((name) => [name, 1] as const)]);
    this.#sum = new OrderedSum(ranks, {
      head: lengthOf(this.#head),
      vectors: sizes.filter(([name]) => isGradient(name)).map(([, size]) => size),
      lanes: engines.length,
      wire,
    });
  }

  static async open(
    engine: Engine,
    engines: readonly Engine[],
    parts: UpdateParts,
    ranks = alone(),
    wire: WireName = 'fp32',
  ): Promise<Lanes> {
    const gradients = await Promise.all(engines.map((lane) => lane.compile(parts.gradient)));
    const fold = parts.fold && (await engine.compile(parts.fold));
    return new Lanes(engine, engines, ranks, parts, wire, {
      gradients,
      fold,
      apply: await engine.compile(parts.apply),
    });
  }

  /** The sums of the gradients of an update's micro-batches, as ports of `apply`. `tell` is told of each micro-batch in its order. */
  async gradients(loop: UpdateTask, step: number, tell: (head: Head) => void): Promise<Tensors> {
    const { accumulate, to, state } = loop;
    const now = state.feeds();
    for (const [name, tensor] of Object.entries(this.#params)) tensor.write(await now[name]!.read());
    const mine = microsOf(this.ranks, this.engines.length, accumulate);
    const round = this.ranks.size * this.engines.length;
    const told = (_: number, head: Float32Array) => tell(new Head(this.#head, head));
    this.#sum.begin();
    let adding: Promise<void> = Promise.resolve();
    for (let from = 0; from < accumulate; from += round) {
      const here = mine.filter((micro) => micro >= from && micro < from + round);
      this.ranks.calm(here.length > 0);
      const last = from + round >= accumulate;
      const ahead = last && step + 1 < to ? mine.slice(0, this.engines.length) : [];
      const [added, computed] = await Promise.allSettled([adding, this.#compute(loop, step, here, ahead)]);
      this.ranks.calm(false);
      // All come to their end before an error is thrown: none is left computing.
      if (added.status === 'rejected') throw added.reason;
      if (computed.status === 'rejected') throw computed.reason;
      adding = this.#sum.add(await this.#results(computed.value), from, accumulate - from, told);
      adding.catch(() => undefined);
    }
    await adding;
    const sums = await this.#sum.ended();
    const names = [...this.parts.gradient.outputs.keys()].filter((name) => name.startsWith('grad.'));
    return Object.fromEntries(
      names.map((name, i) => [name, this.#engine.tensor('float32', [sums[i]!.length], sums[i]!)]),
    );
  }

  /** Computes micro-batches, one a lane, and begins with the next update's in `ahead`; what it gives ends when all are computed. */
  async #compute(
    loop: UpdateTask,
    step: number,
    micros: readonly number[],
    ahead: readonly number[],
  ): Promise<StepInputs[]> {
    const ended = await Promise.allSettled(
      micros.map(async (micro, lane) => {
        const engine = this.engines[lane]!;
        const taken = await this.#inputs(loop, step, micro, lane);
        const drawn = { ...epochFeeds(engine, loop, step), ...noiseFeeds(engine, loop, step, micro) };
        await this.#gradients[lane]!.run({ ...this.#params, ...taken.feeds, ...drawn }, this.#found[lane]!);
        taken.release();
        // While the others compute, the sums come together and the update is applied, the teacher can look at the next images.
        if (ahead[lane] !== undefined) this.#lookAhead(loop, step + 1, ahead[lane], lane);
        return taken;
      }),
    );
    return ended.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  async #results(taken: readonly StepInputs[]): Promise<MicroResult[]> {
    const results: MicroResult[] = [];
    for (const [lane, { waitSeconds, teacherSeconds = -1 }] of taken.entries()) {
      const head = new Float32Array(lengthOf(this.#head));
      const vectors: Float32Array[] = [];
      for (const [name, tensor] of Object.entries(this.#found[lane]!)) {
        const values = (await tensor.read()) as Float32Array;
        if (name.startsWith('grad.')) vectors.push(values);
        else head.set(values, this.#head.get(name)![0]);
      }
      const times = { waitSeconds, teacherSeconds };
      for (const name of TIMES) head[this.#head.get(name)![0]] = times[name];
      results.push({ head, vectors });
    }
    return results;
  }

  /** Takes what micro-batches found into the running statistics, in their order; they are the state's when it is committed. */
  async fold({ state }: UpdateTask, heads: readonly Head[]): Promise<Tensors> {
    if (!this.#fold) return {};
    const { outputs } = this.parts.fold!;
    const into = state.into(outputs);
    const places = [...outputs].map(([port, { shape }]) => ({ port, shape, name: port.replace(/^next\./, '') }));
    let now: Tensors = state.feeds();
    const spare = [0, 1].map(() => emptyOn(this.#engine, outputs));
    for (const [i, head] of heads.entries()) {
      const target = i === heads.length - 1 ? into : spare[i % 2]!;
      await this.#fold.run({ ...now, ...head.found(this.#engine, this.parts.gradient.outputs) }, target);
      now = Object.fromEntries(places.map(({ port, name }) => [name, target[port]!]));
    }
    return Object.fromEntries(places.map(({ port }) => [foldedPort(port), into[port]!]));
  }

  #inputs(loop: UpdateTask, step: number, micro: number, lane: number): Promise<StepInputs> {
    const ahead = this.#ahead.get(`${step} ${micro}`);
    this.#ahead.delete(`${step} ${micro}`);
    return ahead ?? loop.inputs(step, micro, lane);
  }

  #lookAhead(loop: UpdateTask, step: number, micro: number, lane: number): void {
    const inputs = loop.inputs(step, micro, lane);
    // An error is thrown where they are taken.
    inputs.catch(() => undefined);
    this.#ahead.set(`${step} ${micro}`, inputs);
  }

  async dispose(): Promise<void> {
    await Promise.allSettled(this.#ahead.values());
    await this.apply.dispose();
    await this.#fold?.dispose();
    for (const compiled of this.#gradients) await compiled.dispose();
  }
}

/** What a micro-batch told: numbers by name, and what the running statistics are made of. */
export class Head {
  readonly #places: Places;
  readonly #values: Float32Array;

  constructor(places: Places, values: Float32Array) {
    this.#places = places;
    // A copy: the memory is the next round's.
    this.#values = values.slice();
  }

  numbers(): Record<string, number> {
    const own = [...this.#places].filter(([name]) => !name.startsWith('found.') && !isTime(name));
    return Object.fromEntries(own.map(([name, [from]]) => [name, this.#values[from]!]));
  }

  seconds(name: (typeof TIMES)[number]): number | undefined {
    const value = this.#values[this.#places.get(name)![0]]!;
    return value < 0 ? undefined : value;
  }

  found(engine: Engine, outputs: UpdateParts['gradient']['outputs']): Tensors {
    const own = [...this.#places].filter(([name]) => name.startsWith('found.'));
    return Object.fromEntries(
      own.map(([name, [from, to]]) => [
        name,
        engine.tensor('float32', outputs.get(name)!.shape, this.#values.slice(from, to)),
      ]),
    );
  }
}

export async function runUpdateInLanes(loop: UpdateTask, lanes: Lanes, step: number, lr: number): Promise<Measured> {
  const { engine, state, accumulate } = loop;
  const beside = lanes.engines.length * lanes.ranks.size;
  const values: Record<string, number> = {};
  const heads: Head[] = [];
  let [loss, waitSeconds] = [0, 0];
  let teacherSeconds: number | undefined;
  const sums = await lanes.gradients(loop, step, (head) => {
    heads.push(head);
    waitSeconds += head.seconds('waitSeconds')! / beside;
    const taught = head.seconds('teacherSeconds');
    if (taught !== undefined) teacherSeconds = (teacherSeconds ?? 0) + taught / beside;
    const found = head.numbers();
    loss += found.loss! / accumulate;
    refuseNonFinite(Object.assign(values, found), step);
  });
  const { apply, fold } = lanes.parts;
  const scalars = scalarPorts(apply.outputs.keys(), engine);
  const folded = await lanes.fold(loop, heads);
  const feeds = { ...state.feeds(), ...sums, ...folded, ...scalarFeeds(loop, step, lr) };
  await lanes.apply.run(feeds, { ...state.into(apply.outputs), ...scalars });
  for (const [name, tensor] of Object.entries(scalars)) values[name] = ((await tensor.read()) as Float32Array)[0]!;
  refuseNonFinite(values, step);
  await loop.measured?.(step, loss);
  state.commit(new Map([...apply.outputs, ...(fold?.outputs ?? [])]));
  return { loss, terms: weighed(loop, step, values), gradNorm: values.gradNorm!, waitSeconds, teacherSeconds };
}

function emptyOn(engine: Engine, ports: Iterable<readonly [string, TensorType]>): Tensors {
  return Object.fromEntries([...ports].map(([name, { dtype, shape }]) => [name, engine.empty(dtype, shape)]));
}

function placesOf(sizes: readonly (readonly [string, number])[]): Map<string, readonly [number, number]> {
  let at = 0;
  return new Map(
    sizes.map(([name, size]) => {
      at += size;
      return [name, [at - size, at]] as const;
    }),
  );
}

const lengthOf = (places: Places): number => largest([...places.values()].map(([, to]) => to));

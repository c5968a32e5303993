import type { Engine, EngineTensor } from '../engine/contract.ts';
import { checkWeights } from '../formats/matchNames.ts';
import { UserError } from '../graph/errors.ts';
import { sameShape, showShape, sizeOf } from '../graph/shape.ts';
import type { ParamSpec } from '../nn/scope.ts';
import { initialValue } from '../nn/initialise.ts';
import type { Vector } from '../program/state.ts';
import type { TrainProgram } from '../program/trainProgram.ts';

/** A named array of a run's state: `param.<name>`, `slot.<slot>.<name>`, `ema.<name>`. */
export interface StateArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** One vector of the state: which slot it is and which named arrays lie in it. */
interface Part {
  /** Port: `param.decay`, `slot.m.decay`, `ema.buffer`, `acc.plain`. */
  readonly port: string;
  /** Names of its arrays begin with this: `param.`, `slot.m.`, `ema.`; accumulated gradients are not saved. */
  readonly prefix: string | undefined;
  readonly vector: Vector;
}

/**
 * Everything that a step changes, twice: a step reads the front and writes the back, `commit` swaps them. So a step that
 * fails or gives NaN leaves the state whole.
 */
export class TrainState {
  readonly #parts: readonly Part[];
  #front = new Map<string, EngineTensor>();
  #back = new Map<string, EngineTensor>();

  constructor(engine: Engine, program: TrainProgram) {
    this.#parts = partsOf(program);
    for (const { port, vector } of this.#parts) {
      this.#front.set(port, engine.empty('float32', [vector.size]));
      // What no step writes (frozen parameters) needs no second place.
      if (writes(program, port)) this.#back.set(port, engine.empty('float32', [vector.size]));
    }
  }

  /** The ports that a step reads. */
  feeds(): Record<string, EngineTensor> {
    return Object.fromEntries(this.#front);
  }

  /** The ports `next.*` that a step writes, of those that the program gives. */
  into(outputs: ReadonlyMap<string, unknown>): Record<string, EngineTensor> {
    return Object.fromEntries(
      [...this.#back].filter(([port]) => outputs.has(`next.${port}`)).map(([port, t]) => [`next.${port}`, t]),
    );
  }

  /** Takes what the last run wrote as the state. */
  commit(outputs: ReadonlyMap<string, unknown>): void {
    for (const [port, back] of [...this.#back]) {
      if (!outputs.has(`next.${port}`)) continue;
      const front = this.#front.get(port)!;
      this.#front.set(port, back);
      this.#back.set(port, front);
    }
  }

  /** Zeroes the accumulated gradients. */
  clearAccumulated(): void {
    for (const { port, vector } of this.#parts)
      if (port.startsWith('acc.')) this.#front.get(port)!.write(new Float32Array(vector.size));
  }

  /** Vectors as the evaluation program reads them: the weights, or their moving average. */
  weights(kind: 'param' | 'ema'): Record<string, EngineTensor> {
    const found = this.#parts.filter(({ port }) => port.startsWith(`${kind}.`));
    return Object.fromEntries(
      found.map(({ port }) => [`param.${port.slice(kind.length + 1)}`, this.#front.get(port)!]),
    );
  }

  /** All named arrays; they are live views, good until the next step. */
  async read(): Promise<Map<string, StateArray>> {
    const out = new Map<string, StateArray>();
    for (const { port, prefix, vector } of this.#parts) {
      if (prefix === undefined) continue;
      const values = (await this.#front.get(port)!.read()) as Float32Array;
      for (const { spec, offset } of vector.entries)
        out.set(`${prefix}${spec.name}`, {
          shape: spec.shape,
          data: values.subarray(offset, offset + sizeOf(spec.shape)),
        });
    }
    return out;
  }

  /** @throws UserError where a state that is gone on with has other arrays than this one: each begins where it stood, or none. */
  checkWhole(given: ReadonlyMap<string, StateArray>, where: string): void {
    checkWeights(where, this.#arrays(), given);
  }

  #arrays(): { readonly name: string; readonly shape: readonly number[] }[] {
    return this.#parts.flatMap(({ prefix, vector }) =>
      prefix === undefined
        ? []
        : vector.entries.map(({ spec: { name, shape } }) => ({ name: `${prefix}${name}`, shape })),
    );
  }

  /**
   * Sets the state by name. What is not given begins anew: parameters by their initialiser (from the seed and their name),
   * averages as the parameter they follow, optimiser slots at zero.
   */
  write(given: ReadonlyMap<string, StateArray>, seed: number): void {
    const misfit = this.#arrays().find(({ name, shape }) => !sameShape(given.get(name)?.shape ?? shape, shape));
    if (misfit)
      throw new UserError(
        `${misfit.name}: wanted the shape ${showShape(misfit.shape)}, got ${showShape(given.get(misfit.name)!.shape)}`,
      );
    for (const { port, prefix, vector } of this.#parts) {
      if (prefix === undefined) continue;
      const values = new Float32Array(vector.size);
      for (const { spec, offset } of vector.entries) values.set(begin(prefix, spec, given, seed), offset);
      this.#front.get(port)!.write(values);
    }
  }
}

/** A state without the optimiser's part, which then begins anew. */
export const withoutSlots = (state: ReadonlyMap<string, StateArray>): Map<string, StateArray> =>
  new Map([...state].filter(([name]) => !name.startsWith('slot.')));

const writes = ({ update, accumulate }: TrainProgram, port: string): boolean =>
  [update, accumulate].some((program) => program?.outputs.has(`next.${port}`));

function begin(prefix: string, spec: ParamSpec, given: ReadonlyMap<string, StateArray>, seed: number): Float32Array {
  const held = given.get(`${prefix}${spec.name}`);
  if (held) return held.data;
  if (prefix.startsWith('slot.')) return new Float32Array(sizeOf(spec.shape));
  return given.get(`param.${spec.name}`)?.data ?? initialValue(spec, seed);
}

function partsOf({ vectors, slots, update }: TrainProgram): Part[] {
  const parts: Part[] = [];
  for (const vector of vectors) {
    parts.push({ port: `param.${vector.name}`, prefix: 'param.', vector });
    if (update.outputs.has(`next.ema.${vector.name}`))
      parts.push({ port: `ema.${vector.name}`, prefix: 'ema.', vector });
    if (update.inputs.has(`acc.${vector.name}`)) parts.push({ port: `acc.${vector.name}`, prefix: undefined, vector });
    for (const name of slots.keys())
      if (name.endsWith(`.${vector.name}`))
        parts.push({ port: `slot.${name}`, prefix: `slot.${name.slice(0, -vector.name.length)}`, vector });
  }
  return parts;
}

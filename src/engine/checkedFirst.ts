import type { Program } from '../program/program.ts';
import { checkPorts, type Compiled, type CompileOptions, type Engine, type EngineTensor } from './contract.ts';

/** Our choice: how far two engines' values may lie apart, as a share of the output's largest. What is silently wrong is far beyond. */
const APART = 0.01;

export interface CheckedFirst {
  /** Takes over where the device computes otherwise; its programs take the device's tensors. */
  readonly reference: Engine;
  /** Outputs that are compared: what a caller reads. */
  readonly compares: (output: string) => boolean;
  /** Told once, that and why the reference goes on. */
  readonly tell: (message: string) => void;
}

/**
 * An engine whose first run of each program is made by another one too. Kernels of WebGPU can be silently wrong (ONNX Runtime's
 * issues 24070, 25227, 29130: zeros, overflow): where the two differ, the answer of the reference is taken, and all that
 * follows is computed there.
 */
export function checkedFirst(device: Engine, options: CheckedFirst): Engine {
  const trust = { lost: false };
  return {
    ...device,
    compile: async (program, settings) => {
      const [main, reference] = [new Lazy(device, program, settings), new Lazy(options.reference, program, settings)];
      // What cannot be compiled is refused now, as without a check.
      if (!trust.lost) await main.get();
      let checked = false;
      return {
        run: async (feeds, into) => {
          if (trust.lost) return (await reference.get()).run(feeds, into);
          if (checked) return (await main.get()).run(feeds, into);
          const wrong = await compared(program, main, reference, options, feeds, into);
          checked = true;
          if (wrong === undefined) return reference.dispose();
          trust.lost = true;
          options.tell(
            `${device.name} computes otherwise than ${options.reference.name}: ${wrong}. The run goes on with ${options.reference.name}`,
          );
          return undefined;
        },
        dispose: async () => {
          await main.dispose();
          await reference.dispose();
        },
      };
    },
  };
}

type Ports = Readonly<Record<string, EngineTensor>>;

/** Runs both; where they differ, says how and leaves the reference's values in `into`. */
async function compared(
  program: Program,
  main: Lazy,
  reference: Lazy,
  { reference: engine, compares }: CheckedFirst,
  feeds: Ports,
  into: Ports,
): Promise<string | undefined> {
  checkPorts(program, feeds, into);
  const names = Object.keys(into);
  const right = Object.fromEntries(
    names.map((name) => {
      const { dtype, shape } = program.outputs.get(name)!;
      return [name, engine.empty(dtype, shape)];
    }),
  );
  await (await reference.get()).run(feeds, right);
  await (await main.get()).run(feeds, into);
  let wrong: string | undefined;
  for (const name of names)
    if (wrong === undefined && compares(name)) wrong = await difference(name, into[name]!, right[name]!);
  if (wrong !== undefined) for (const name of names) into[name]!.write(await right[name]!.read());
  for (const tensor of Object.values(right)) tensor.dispose();
  return wrong;
}

/** Undefined where two values agree. What is no number in both agrees: that is the run's own to refuse. */
async function difference(name: string, got: EngineTensor, wanted: EngineTensor): Promise<string | undefined> {
  if (got.dtype !== 'float32') return undefined;
  const [values, right] = [(await got.read()) as Float32Array, (await wanted.read()) as Float32Array];
  let largest = 0;
  for (const value of right) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  const at = right.findIndex((value, i) => !agree(value, values[i]!, APART * largest));
  return at < 0 ? undefined : `${name} is ${values[at]} in place of ${right[at]}`;
}

function agree(a: number, b: number, apart: number): boolean {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.isFinite(a) === Number.isFinite(b);
  return Math.abs(a - b) <= apart;
}

/** A program that is compiled when it is first wanted. */
class Lazy {
  readonly #open: () => Promise<Compiled>;
  #compiled: Promise<Compiled> | undefined;

  constructor(engine: Engine, program: Program, settings: CompileOptions | undefined) {
    this.#open = () => engine.compile(program, settings);
  }

  get(): Promise<Compiled> {
    this.#compiled ??= this.#open();
    return this.#compiled;
  }

  async dispose(): Promise<void> {
    const compiled = this.#compiled;
    this.#compiled = undefined;
    await (await compiled)?.dispose();
  }
}

import { constant, constantOf } from '../../graph/build.ts';
import { BuildError, UserError } from '../../graph/errors.ts';
import { withLabel } from '../../graph/scope.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { AttributeProto, NodeProto, ValueInfoProto } from '../generated/onnx_pb.ts';
import { Attributes } from './attributes.ts';
import { Budget, OverBudget } from './budget.ts';
import { Folder } from './fold.ts';
import { type Frame, frameOf } from './frame.ts';
import { type OnnxFile, operatorKey } from './onnxFile.ts';
import { Problems } from './problems.ts';
import { recognised } from './recognise.ts';
import { RULES } from './rules/index.ts';
import type { TrainedWeights } from './trained.ts';
import { boundAttributes, opsetOf, titleOf, typeOfPort, withoutMissing } from './nodeFacts.ts';
import { checkSignature, elementType } from './signature.ts';

/** What one import may read, functions unrolled: a chain of functions that each call the next one twice doubles at every link. */
const MAX_NODES = 50_000;
const MAX_CALLS = 8000;
const MAX_DEPTH = 40;

/** The file's graph as ours. */
export interface ImportedGraph {
  /** Values that depend on the image, by name, in the order of computation. */
  readonly values: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/**
 * Imports what the named outputs need. `given` are the file's inputs; `trained`: weights that stand for the file's own.
 * @throws UserError that lists everything that cannot be imported at once.
 */
export function importGraph(
  file: OnnxFile,
  given: ReadonlyMap<string, Tensor>,
  outputs: readonly string[],
  trained?: TrainedWeights,
): ImportedGraph {
  const [image] = given.values();
  const importer = new Importer(file, Math.max(1, image?.shape[0] ?? 1), trained);
  const found = importer.run(given, outputs);
  return { values: importer.values, outputs: found };
}

class Importer {
  readonly values = new Map<string, Tensor>();
  readonly #file: OnnxFile;
  readonly #problems: Problems;
  readonly #budget: Budget;
  readonly #folder: Folder;
  readonly #trained: TrainedWeights | undefined;
  /** Tensors that depend on the image. */
  readonly #live = new Set<Tensor>();
  #nodes = 0;
  #calls = 0;

  constructor(file: OnnxFile, batch: number, trained: TrainedWeights | undefined) {
    this.#file = file;
    this.#trained = trained;
    this.#budget = new Budget(batch);
    this.#folder = new Folder(this.#budget);
    this.#problems = new Problems(file.where);
  }

  run(given: ReadonlyMap<string, Tensor>, outputs: readonly string[]): Map<string, Tensor> {
    for (const tensor of given.values()) this.#live.add(tensor);
    const frame = frameOf(
      this.#file.graph,
      given,
      {
        ...{ outer: undefined, bound: new Map(), opset: opsetOf(this.#file.model.opsetImport), prefix: '', depth: 0 },
        types: new Map(this.#file.graph.input.map((port) => [port.name ?? '', typeOfPort(port)])),
      },
      this.#file.where,
    );
    for (const name of outputs) this.#resolve(frame, name);
    this.#problems.check();
    for (const port of this.#file.graph.output) this.#checkDeclared(port, frame);
    const found = new Map(outputs.map((name) => [name, frame.values.get(name)!]));
    try {
      this.#budget.checkActivations([...found.values()]);
    } catch (error) {
      throw this.#refusal(error);
    }
    return found;
  }

  /** ONNX Runtime refuses a file whose output is a truth value and is called a number, or the reverse. */
  #checkDeclared(port: ValueInfoProto, { types }: Frame): void {
    const [declared, given] = [typeOfPort(port), types.get(port.name ?? '')];
    if (declared !== undefined && given !== undefined && (declared === 'bool') !== (given === 'bool'))
      throw this.#error(`the output "${port.name}" to be ${declared}, as the file declares it, got ${given}`);
  }

  /** Imports a value and all that it needs, inputs first; without recursion, since a chain may be long. */
  #resolve(frame: Frame, wanted: string): void {
    const stack = [wanted];
    while (stack.length > 0) {
      const name = stack.at(-1)!;
      const node = frame.producers.get(name);
      if (frame.values.has(name)) stack.pop();
      else if (!node) frame.values.set(name, this.#leaf(frame, name));
      else if (frame.open.has(node)) {
        this.#evaluate(frame, node);
        frame.open.delete(node);
        if (!frame.values.has(name)) throw this.#error(`the node "${titleOf(node)}" does not give "${name}"`);
      } else {
        frame.open.add(node);
        for (const input of node.input) if (input !== '' && !frame.values.has(input)) this.#push(frame, input, stack);
      }
    }
  }

  #push(frame: Frame, name: string, stack: string[]): void {
    const node = frame.producers.get(name);
    if (node && frame.open.has(node))
      throw this.#error(`a graph without cycles, got the value "${frame.prefix}${name}", which needs itself`);
    stack.push(name);
  }

  /** A value that no node of this name space gives: a weight, or something from outside. */
  #leaf(frame: Frame, name: string): Tensor | null {
    const weight = frame.initializers.get(name);
    const trained = weight && this.#weight(frame, name);
    if (trained) {
      frame.types.set(name, elementType(weight.dataType));
      return trained;
    }
    if (weight) {
      const value = this.#file.tensor(weight);
      this.#budget.given(value.data.length);
      frame.types.set(name, elementType(weight.dataType));
      return withLabel(name, () => constant(value));
    }
    if (!frame.outer)
      throw this.#error(`every input of a node to be there, got "${frame.prefix}${name}", which nothing gives`);
    const producer = frame.outer.producers.get(name);
    if (producer && frame.outer.open.has(producer) && !frame.outer.values.has(name))
      throw this.#error(`a graph without cycles, got the value "${name}", which needs itself`);
    this.#resolve(frame.outer, name);
    frame.types.set(name, frame.outer.types.get(name));
    return frame.outer.values.get(name)!;
  }

  /** A weight of the main graph that is trained. */
  #weight(frame: Frame, name: string): Tensor | undefined {
    const found = frame.prefix === '' ? this.#trained?.tensor(name) : undefined;
    if (found) this.#budget.given(sizeOf(found.shape));
    return found;
  }

  #evaluate(frame: Frame, node: NodeProto): void {
    if (++this.#nodes > MAX_NODES) throw this.#error(`at most ${MAX_NODES} nodes, functions unrolled, got more`);
    const key = operatorKey(node.domain, node.opType, node.overload);
    const inputs = node.input.map((name) => (name === '' ? undefined : frame.values.get(name)!));
    while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop();
    const body = this.#file.functions.get(key);
    if (body) this.#bind(frame, node, this.#call(frame, node, inputs, body));
    else if (key === 'If') this.#bind(frame, node, this.#branch(frame, node, inputs[0]));
    else {
      const trained = key === 'Constant' ? this.#weight(frame, node.output[0] ?? '') : undefined;
      this.#bind(frame, node, trained ? [trained] : this.#apply(frame, node, key, inputs));
    }
  }

  #apply(frame: Frame, node: NodeProto, key: string, inputs: readonly (Tensor | null | undefined)[]) {
    const rule = Object.hasOwn(RULES, key) ? RULES[key] : undefined;
    const title = `${frame.prefix}${titleOf(node)}`;
    if (!rule) this.#problems.unknown(key, title);
    if (!rule || inputs.includes(null)) return [];
    const held = boundAttributes(node, frame);
    const attrs = new Attributes(held, (proto) => this.#file.tensor(proto));
    const live = inputs.some((t) => t && this.#live.has(t));
    try {
      return withLabel(title, () => {
        const call = {
          inputs: inputs as (Tensor | undefined)[],
          attrs,
          opset: frame.opset,
          outputs: node.output.length,
          budget: this.#budget,
          training: this.#trained?.training,
        };
        const inputTypes = node.input.map((name) => (name === '' ? undefined : frame.types.get(name)));
        const types = checkSignature(key, node, frame.opset, held, inputTypes);
        node.output.forEach((name, i) => void frame.types.set(name, types[i]));
        const training = call.training !== undefined;
        const found = live ? rule(call).map((t) => recognised(t, training)) : rule(call);
        this.#budget.built(found, this.#live);
        return live ? found.map((t) => this.#alive(t)) : found.map((t) => this.#folder.fold(t));
      });
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      if (error instanceof OverBudget) throw this.#refusal(error, title);
      const message = error.message.startsWith(title) ? error.message : `${title}: ${error.message}`;
      this.#problems.fault(`${message} (operator ${key})`);
      return [];
    }
  }

  /** A shape read off a live tensor is a constant all the same. */
  #alive(tensor: Tensor): Tensor {
    if (!constantOf(tensor)) this.#live.add(tensor);
    return tensor;
  }

  #bind(frame: Frame, node: NodeProto, results: readonly (Tensor | null | undefined)[]): void {
    node.output.forEach((name, i) => {
      if (name === '') return;
      const tensor = results[i] ?? null;
      frame.values.set(name, tensor);
      if (tensor && this.#live.has(tensor)) this.values.set(`${frame.prefix}${name}`, tensor);
    });
  }

  #call(
    frame: Frame,
    node: NodeProto,
    inputs: readonly (Tensor | null | undefined)[],
    body: {
      input: string[];
      output: string[];
      node: NodeProto[];
      attributeProto: AttributeProto[];
      opsetImport: Parameters<typeof opsetOf>[0];
    },
  ): (Tensor | null)[] {
    const inner = this.#enter(frame, node);
    const given = new Map<string, Tensor | null>();
    body.input.forEach((name, i) => {
      const value = inputs[i];
      if (value !== undefined) given.set(name, value);
    });
    const types = new Map(body.input.map((name, i) => [name, frame.types.get(node.input[i] ?? '')]));
    const bound = new Map(body.attributeProto.map((one) => [one.name ?? '', one]));
    for (const [name, one] of boundAttributes(node, frame)) bound.set(name, one);
    const called = frameOf(
      { node: body.node.map((one) => withoutMissing(one, body.input, given)) },
      given,
      { ...inner, outer: undefined, bound, opset: opsetOf(body.opsetImport) || frame.opset, types },
      this.#file.where,
    );
    return this.#results(called, body.output);
  }

  #branch(frame: Frame, node: NodeProto, condition: Tensor | null | undefined): (Tensor | null)[] {
    if (!condition) return [];
    const chosen = constantOf(condition)?.data[0];
    const title = `${frame.prefix}${titleOf(node)}`;
    if (chosen === undefined) {
      this.#problems.fault(`${title}: the condition must be a constant, not depend on the image (operator If)`);
      return [];
    }
    const attrs = new Attributes(boundAttributes(node, frame), (proto) => this.#file.tensor(proto));
    let graph: ReturnType<Attributes['graph']>;
    try {
      graph = attrs.graph(chosen === 0 ? 'else_branch' : 'then_branch');
    } catch (error) {
      this.#problems.fault(`${title}: ${(error as Error).message} (operator If)`);
      return [];
    }
    const { depth, prefix } = this.#enter(frame, node);
    const inside = { depth, prefix, outer: frame, bound: frame.bound, opset: frame.opset, types: new Map() };
    return this.#results(
      frameOf(graph, new Map(), inside, this.#file.where),
      graph.output.map(({ name }) => name ?? ''),
    );
  }

  #results(frame: Frame, names: readonly string[]): (Tensor | null)[] {
    return names.map((name) => {
      this.#resolve(frame, name);
      return frame.values.get(name)!;
    });
  }

  #enter(frame: Frame, node: NodeProto): { depth: number; prefix: string } {
    if (++this.#calls > MAX_CALLS) throw this.#error(`at most ${MAX_CALLS} calls of functions, got more`);
    if (frame.depth >= MAX_DEPTH)
      throw this.#error(
        `functions and branches at most ${MAX_DEPTH} deep, got "${titleOf(node)}" (${node.opType}) inside ${MAX_DEPTH} others. Does a function call itself?`,
      );
    return { depth: frame.depth + 1, prefix: `${frame.prefix}${titleOf(node)}/` };
  }

  /** What asks for too much ends the import. */
  #refusal(error: unknown, title?: string): unknown {
    if (!(error instanceof OverBudget)) return error;
    const at = title === undefined ? '' : `${title}: `;
    return this.#error(
      `an image classifier that fits in bounded memory, got ${at}${error.message}. Is the file damaged, or are the images too large (--image-size)?`,
    );
  }

  #error(what: string): UserError {
    return new UserError(`${this.#file.where}: wanted ${what}`);
  }
}

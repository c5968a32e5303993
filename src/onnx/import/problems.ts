import { append } from '../../graph/lists.ts';
import { UserError } from '../../graph/errors.ts';

const SHOWN = 3;
const FAULTS = 12;

/** What stands in the way of an import, collected so that all of it is told at once. */
export class Problems {
  readonly #where: string;
  readonly #unknown = new Map<string, string[]>();
  readonly #faults: string[] = [];

  constructor(where: string) {
    this.#where = where;
  }

  unknown(operator: string, node: string): void {
    this.#unknown.set(operator, [...(this.#unknown.get(operator) ?? []), node]);
  }

  fault(message: string): void {
    this.#faults.push(message);
  }

  /** @throws UserError listing every unknown operator with its count and nodes, and every node that could not be read. */
  check(): void {
    const lines = [...this.#unknown].map(([operator, nodes]) => {
      const more = nodes.length > SHOWN ? ', ...' : '';
      return `unknown operator ${operator}: ${nodes.length} x (${nodes.slice(0, SHOWN).join(', ')}${more})`;
    });
    append(lines, this.#faults.slice(0, FAULTS));
    if (this.#faults.length > FAULTS) lines.push(`... and ${this.#faults.length - FAULTS} more`);
    if (lines.length === 0) return;
    const remedy =
      this.#unknown.size > 0
        ? 'Export the model without graph optimisation, for the default ONNX operators, or replace these layers.'
        : 'Export the model in evaluation mode with a dynamic batch and otherwise fixed shapes.';
    throw new UserError(
      `${this.#where}: wanted operators that can be imported, got ${lines.length === 1 ? 'one kind' : `${lines.length} kinds`} that cannot:\n  ${lines.join('\n  ')}\n${remedy}`,
    );
  }
}

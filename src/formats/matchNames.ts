import { UserError } from '../graph/errors.ts';
import { sameShape, showShape } from '../graph/shape.ts';

interface Shaped {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Checks that weights fit a model, name by name and shape by shape.
 * @throws UserError with both sides as a diff: `-` is wanted and missing, `+` is there and not wanted.
 */
export function checkWeights(
  where: string,
  wanted: readonly Shaped[],
  given: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): void {
  const names = new Set(wanted.map(({ name }) => name));
  const lines: string[] = [];
  for (const { name, shape } of wanted) {
    const found = given.get(name);
    if (!found) lines.push(`- ${name} ${showShape(shape)}`);
    else if (!sameShape(found.shape, shape))
      lines.push(`- ${name} ${showShape(shape)}`, `+ ${name} ${showShape(found.shape)}`);
  }
  for (const [name, { shape }] of given) if (!names.has(name)) lines.push(`+ ${name} ${showShape(shape)}`);
  if (lines.length === 0) return;
  const shown = lines.length > 24 ? [...lines.slice(0, 24), `  ... and ${lines.length - 24} more`] : lines;
  throw new UserError(`${where}: the weights do not fit the model (- wanted, + in the file):\n${shown.join('\n')}`);
}

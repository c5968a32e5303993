import { UserError } from '../../graph/errors.ts';

/**
 * Refuses weights that are NaN or infinite: every answer of such a model would be NaN.
 * @throws UserError that names the tensors.
 */
export function checkFinite(where: string, weights: ReadonlyMap<string, { readonly data: Float32Array }>): void {
  const bad: string[] = [];
  for (const [name, { data }] of weights) {
    const count = notFinite(data);
    if (count > 0) bad.push(`${name} (${count} of ${data.length})`);
  }
  if (bad.length === 0) return;
  const shown = bad.length > 6 ? `${bad.slice(0, 6).join(', ')}, ... (${bad.length} tensors)` : bad.join(', ');
  throw new UserError(
    `${where}: wanted finite weights, got NaN or infinite numbers in ${shown}. The training that made them diverged, or half precision was too small for them: take another checkpoint`,
  );
}

function notFinite(data: Float32Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) count++;
  return count;
}

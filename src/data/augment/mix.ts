import { beta, type Stream, stream } from '../../random/stream.ts';

/** Which batches are mixed, and how much. */
export interface MixConfig {
  /** alpha of mixup's Beta(alpha, alpha) (arXiv 1710.09412); 0: no mixup. */
  readonly mixup: number;
  /** alpha of cutmix (arXiv 1905.04899); 0: no cutmix. */
  readonly cutmix: number;
  /** Share of the mixed batches that cutmix has, where both are on. */
  readonly switch: number;
  /** Share of the batches that are mixed. */
  readonly probability: number;
}

/**
 * How one batch is mixed: row i with row B-1-i, all by the same numbers (timm's mode "batch"). `own` is the share of a row's own
 * image and label; the rest is its partner's.
 */
export type Mix =
  | { readonly kind: 'mixup'; readonly own: number }
  | { readonly kind: 'cutmix'; readonly own: number; readonly box: CutBox };

/** Half-open: rows [top, bottom), columns [left, right). */
export interface CutBox {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** The mix of a batch: a function of the seed and the batch's place alone, so that a resumed run mixes alike. */
export function drawMix(config: MixConfig, size: number, seed: number, epoch: number, step: number): Mix | undefined {
  const random = stream(seed, 'mix', epoch, step);
  if ((config.mixup === 0 && config.cutmix === 0) || random.uniform() >= config.probability) return undefined;
  const cut = config.cutmix > 0 && (config.mixup === 0 || random.uniform() < config.switch);
  if (!cut) return { kind: 'mixup', own: beta(config.mixup, config.mixup, random) };
  const box = cutBox(size, beta(config.cutmix, config.cutmix, random), random);
  // The box ends at the border, so its true area says what the label is worth.
  const area = (box.bottom - box.top) * (box.right - box.left);
  return { kind: 'cutmix', own: 1 - area / (size * size), box };
}

/** A box of about 1 - own of the area, its centre anywhere (timm's rand_bbox). */
function cutBox(size: number, own: number, random: Stream): CutBox {
  const side = Math.trunc(size * Math.sqrt(1 - own));
  const [y, x] = [random.below(size), random.below(size)];
  const half = Math.floor(side / 2);
  const within = (at: number) => Math.min(size, Math.max(0, at));
  return { top: within(y - half), bottom: within(y + half), left: within(x - half), right: within(x + half) };
}

/** The same mix of images of another size: the box lies at the same place, and the label's share stays. */
export function scaledMix(mix: Mix, zoom: number): Mix {
  if (mix.kind === 'mixup' || zoom === 1) return mix;
  const { top, bottom, left, right } = mix.box;
  const at = (edge: number) => Math.round(edge * zoom);
  return { ...mix, box: { top: at(top), bottom: at(bottom), left: at(left), right: at(right) } };
}

/** Copies the rows [B, 3, S, S] of `from` to `to`, mixed. */
export function mixRows(from: Float32Array, to: Float32Array, batch: number, size: number, mix: Mix): void {
  const row = 3 * size * size;
  if (mix.kind === 'cutmix') to.set(from);
  for (let i = 0; i < batch; i++) {
    const [mine, other] = [i * row, (batch - 1 - i) * row];
    if (mix.kind === 'mixup') blendRow(from, to, mine, other, row, mix.own);
    else pasteBox(from, to, mine, other, size, mix.box);
  }
}

function blendRow(from: Float32Array, to: Float32Array, mine: number, other: number, row: number, own: number): void {
  for (let i = 0; i < row; i++) to[mine + i] = own * from[mine + i]! + (1 - own) * from[other + i]!;
}

function pasteBox(from: Float32Array, to: Float32Array, mine: number, other: number, size: number, box: CutBox): void {
  for (let c = 0; c < 3; c++)
    for (let y = box.top; y < box.bottom; y++) {
      const line = (c * size + y) * size;
      to.set(from.subarray(other + line + box.left, other + line + box.right), mine + line + box.left);
    }
}

import { internal } from '../graph/errors.ts';

/** One row an image: [images, width], row by row. */
export interface Rows {
  readonly width: number;
  readonly data: Float32Array;
}

export interface CkaTable {
  /**
   * As the paper has it: ||Y'X||^2 / (||X'X|| ||Y'Y||) with centred columns. It is biased upwards where the images are not many
   * more than the widths.
   */
  readonly biased: readonly (readonly (number | null)[])[];
  /** With the unbiased HSIC, which may lie a little outside 0 to 1; needs 4 images. */
  readonly unbiased: readonly (readonly (number | null)[])[];
}

/**
 * Linear CKA between all layers `a` (rows of the table) and all layers `b` over the same images; null where it is not
 * defined, as for a layer that is the same for all images.
 * Source: Kornblith et al., arXiv 1905.00414, section 3, feature space form. Unbiased: its HSIC replaced by that of Song et al.,
 * JMLR 13 (2012), equation 5, as in Nguyen et al., arXiv 2010.15327, equation 3.
 * All are sums over the Gram matrices' entries, taken row by row, so that no matrix of images x images is held.
 */
export function linearCka(a: readonly Rows[], b: readonly Rows[], images: number): CkaTable {
  const layers = [...a, ...b].map((rows) => centred(rows, images));
  const products = gramProducts(layers, images);
  const diagonals = layers.map((layer) => gramDiagonal(layer, images));
  const between = (of: (x: number, y: number) => number) =>
    a.map((_, x) =>
      b.map((_, k) => {
        const y = a.length + k;
        const [own, other] = [of(x, x), of(y, y)];
        const value = of(x, y) / Math.sqrt(own * other);
        return own > 0 && other > 0 && Number.isFinite(value) ? value : null;
      }),
    );
  return {
    biased: between((x, y) => products[x]![y]!),
    unbiased: between((x, y) => unbiasedHsic(products[x]![y]!, diagonals[x]!, diagonals[y]!)),
  };
}

interface Centred {
  readonly width: number;
  readonly data: Float64Array;
}

/** Each column less its mean; columns that do not vary beyond float32's rounding become 0. */
function centred({ width, data }: Rows, images: number): Centred {
  if (data.length !== images * width) throw internal(`wanted ${images} rows of ${width}, got ${data.length} numbers`);
  const out = Float64Array.from(data);
  for (let d = 0; d < width; d++) {
    let [sum, largest] = [0, 0];
    for (let i = 0; i < images; i++) sum += out[i * width + d]!;
    const mean = sum / images;
    for (let i = 0; i < images; i++) {
      const value = out[i * width + d]! - mean;
      out[i * width + d] = value;
      largest = Math.max(largest, Math.abs(value));
    }
    if (largest <= 1e-6 * Math.abs(mean)) for (let i = 0; i < images; i++) out[i * width + d] = 0;
  }
  return { width, data: out };
}

/** <K_x, K_y> for all pairs of layers: sum_ij K_x[i,j] K_y[i,j] = ||Y'X||^2. */
function gramProducts(layers: readonly Centred[], images: number): Float64Array[] {
  const L = layers.length;
  const sums = layers.map(() => new Float64Array(L));
  const entry = new Float64Array(L);
  for (let i = 0; i < images; i++)
    for (let j = i; j < images; j++) {
      for (let x = 0; x < L; x++) entry[x] = dot(layers[x]!, i, j);
      const times = i === j ? 1 : 2;
      for (let x = 0; x < L; x++) for (let y = x; y < L; y++) sums[x]![y]! += times * entry[x]! * entry[y]!;
    }
  for (let x = 0; x < L; x++) for (let y = 0; y < x; y++) sums[x]![y] = sums[y]![x]!;
  return sums;
}

function dot({ width, data }: Centred, i: number, j: number): number {
  let sum = 0;
  for (let d = 0, [p, q] = [i * width, j * width]; d < width; d++) sum += data[p + d]! * data[q + d]!;
  return sum;
}

const gramDiagonal = (layer: Centred, images: number): Float64Array =>
  Float64Array.from({ length: images }, (_, i) => dot(layer, i, i));

/**
 * Song et al.'s HSIC_1, from the whole <K,L> and the diagonals of centred Gram matrices: these have rows that sum to 0, so the
 * rows of K without its diagonal sum to -diag(K), and tr(KL), 1'K1, 1'L1 and 1'KL1 without diagonals follow.
 */
function unbiasedHsic(product: number, k: Float64Array, l: Float64Array): number {
  const n = k.length;
  const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
  const both = sum(k.map((value, i) => value * l[i]!));
  const trace = product - both;
  return (trace + (sum(k) * sum(l)) / ((n - 1) * (n - 2)) - (2 * both) / (n - 2)) / (n * (n - 3));
}

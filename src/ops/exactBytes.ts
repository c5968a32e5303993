import type { NdArray } from '../graph/ndArray.ts';

/**
 * Bounds that make a sum of products of bytes the same whole number on every processor.
 *
 * The unsigned side may hold all of 0..255. The signed side goes to -64..64, since kernels for AVX2 and for AVX-512 without VNNI
 * add two neighbouring products in 16 bits and cut what does not fit (vpmaddubsw): 2 x 255 x 64 = 32,640 fits in 32,767, while
 * 2 x 255 x 65 does not. Other kernels ask for less: VNNI and AMX add four products in 32 bits; ARM adds two products of signed
 * bytes in 16 bits (2 x 128 x 64 fits), single ones of unsigned bytes, or four in 32 bits (udot, ummla); WebAssembly widens to
 * 16 bits and adds in 32, and its relaxed dot product, whose pairs may be added in 16 bits, is given the signed side first.
 * Two unsigned sides are exact too, but took 2.3 times as long in a linear layer of a DeiT-S on a processor with VNNI.
 * `tests/parity/eightBits.test.ts` computes the largest sums on this processor, on an emulated one and in WebAssembly.
 */
export const SIGNED = 64;

/** Signed weights that become floats before they are multiplied need no bound on their sums. */
export const WIDENED = 127;

/** So many products at most: their sum, 2^16 x 255 x 64 < 2^30, leaves the other half of int32 to a bias. */
export const LONGEST = 2 ** 16;

/** The largest magnitude of a bias in units of its sum. */
const LARGEST_BIAS = 2 ** 30;

export interface SignedRows {
  /** int8, in the shape of the weights. */
  readonly values: NdArray;
  /** float32, one a row. */
  readonly scales: NdArray;
}

/** The smallest scale of a row at which its bias still fits in the sum, in which a unit is worth scale x `unit`. */
export const scaleForBias = (bias: number, unit: number): number => Math.abs(bias) / (unit * LARGEST_BIAS);

export interface Rounding {
  /** The largest magnitude. */
  readonly bound?: number;
  /** The smallest scale of a row. */
  readonly least?: (row: number) => number;
  /**
   * What rounding takes from a weight is given to the next one of its row, so that the sum of each stretch of weights is kept to
   * a unit. For convolutions, whose neighbouring inputs are much alike: of a ResNet-8 the error of a logit became a quarter. Linear
   * layers lose a little by it. Our choice; source of the idea: error diffusion (Floyd and Steinberg 1976).
   */
  readonly keepSums?: boolean;
}

/** Weights in -64..64, or up to another bound, with one symmetric scale for each index of the first axis. */
export function signedRows(
  weight: NdArray,
  { bound = SIGNED, least = () => 0, keepSums = false }: Rounding = {},
): SignedRows {
  const rows = weight.shape[0]!;
  const size = weight.data.length / rows;
  const [values, scales] = [new Int8Array(weight.data.length), new Float32Array(rows)];
  for (let row = 0; row < rows; row++) {
    let [largest, carry] = [0, 0];
    for (let i = row * size; i < (row + 1) * size; i++) largest = Math.max(largest, Math.abs(weight.data[i]!));
    // A row of zeros takes any scale.
    const scale = Math.fround(Math.max(largest / bound, least(row))) || 1;
    scales[row] = scale;
    for (let i = row * size; i < (row + 1) * size; i++) {
      const wanted = weight.data[i]! / scale + carry;
      values[i] = Math.max(-bound, Math.min(bound, Math.round(wanted)));
      if (keepSums) carry = wanted - values[i]!;
    }
  }
  return {
    values: { dtype: 'int8', shape: weight.shape, data: values },
    scales: { dtype: 'float32', shape: [rows], data: scales },
  };
}

/** [M,N] -> [N,M] */
export function turned({ dtype, shape: [M, N], data }: NdArray): NdArray {
  const out = dtype === 'int8' ? new Int8Array(data.length) : new Float32Array(data.length);
  for (let m = 0; m < M!; m++) for (let n = 0; n < N!; n++) out[n * M! + m] = data[m * N! + n]!;
  return { dtype, shape: [N!, M!], data: out };
}

/** Mean and (biased) variance of each channel over rows that come in parts; in float64, about the first row, so that nothing cancels. */
export class ChannelMoments {
  readonly #width: number;
  readonly #pivot: Float64Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  #rows = 0;

  constructor(width: number) {
    this.#width = width;
    this.#pivot = new Float64Array(width);
    this.#sum = new Float64Array(width);
    this.#squares = new Float64Array(width);
  }

  /** Rows of `width` numbers, one after the other. */
  add(values: ArrayLike<number>): void {
    const width = this.#width;
    if (this.#rows === 0) for (let c = 0; c < width; c++) this.#pivot[c] = values[c]!;
    for (let i = 0; i < values.length; i += width)
      for (let c = 0; c < width; c++) {
        const x = values[i + c]! - this.#pivot[c]!;
        this.#sum[c]! += x;
        this.#squares[c]! += x * x;
      }
    this.#rows += values.length / width;
  }

  mean(): Float64Array {
    return this.#sum.map((sum, c) => this.#pivot[c]! + sum / this.#rows);
  }

  variance(): Float64Array {
    return this.#squares.map((squares, c) => Math.max(0, squares / this.#rows - (this.#sum[c]! / this.#rows) ** 2));
  }
}

/** How a file is run by others than us. */
export interface FilePorts {
  /** Names of the image and of the answer. */
  readonly input: string;
  readonly output: string;
  /** Images are [B,h,w,3], not [B,3,h,w]. */
  readonly channelsLast: boolean;
  /** The only batch size that it takes. */
  readonly batch: number | undefined;
  /** The answer is this function of the logits, as its nodes say. */
  readonly through: 'softmax' | 'sigmoid' | undefined;
}

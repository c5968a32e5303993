/** Right or wrong by image, a bit each, as text: what a record can hold of ten thousand images. The first image is the highest bit. */
export function packRight(right: readonly boolean[]): string {
  const bytes = new Uint8Array(Math.ceil(right.length / 8));
  for (const [i, one] of right.entries()) if (one) bytes[i >> 3]! |= 128 >> (i & 7);
  return `${right.length}:${Buffer.from(bytes).toString('base64')}`;
}

/** 1 for an image that was right, 0 for another. */
export function unpackRight(text: string): Uint8Array {
  const [count, bits] = text.split(':') as [string, string];
  const bytes = Buffer.from(bits, 'base64');
  return Uint8Array.from({ length: Number(count) }, (_, i) => (bytes[i >> 3]! >> (7 - (i & 7))) & 1);
}

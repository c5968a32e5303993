/** Side of the grey thumbnails that are compared. */
export const THUMBNAIL = 16;
const BLOCK = 2;
const SIDE = THUMBNAIL / BLOCK;
/** Neighbours that differ by less are taken as equal, so that noise of compression turns no bit. */
const NOISE = 3;
/**
 * Our choice: two thumbnails show the same picture if their grey levels differ by less in the mean, and go up and down together at
 * least so far. Digits and icons of one kind differ little in the mean and correlate less.
 */
const SAME = { difference: 8, correlation: 0.99 } as const;
/** A band that more images share is one of plain background and says nothing. */
const CROWD = 64;
const BANDS = 7;

/**
 * Groups of images that look the same (scaled, compressed again), by difference hash and thumbnail. Hash: a bit for each pair of
 * neighbours in an 8 x 8 picture, 56 bits; images are compared where one of its seven bands is equal.
 * @param thumbnails grey, THUMBNAIL x THUMBNAIL bytes each
 * @returns indices, ascending, each group with two or more
 */
export function findDuplicates(thumbnails: readonly Uint8Array[]): number[][] {
  const leader = thumbnails.map((_, i) => i);
  const find = (i: number): number => {
    while (leader[i] !== i) i = leader[i] = leader[leader[i]!]!;
    return i;
  };
  const join = (i: number, j: number): void => {
    const [a, b] = [find(i), find(j)];
    if (a !== b && samePicture(thumbnails[i]!, thumbnails[j]!)) leader[Math.max(a, b)] = Math.min(a, b);
  };
  for (const bucket of buckets(thumbnails.map(differenceHash)))
    for (let i = 1; i < bucket.length; i++) for (let j = 0; j < i; j++) join(bucket[j]!, bucket[i]!);
  const groups = new Map<number, number[]>();
  for (const i of thumbnails.keys()) groups.set(find(i), [...(groups.get(find(i)) ?? []), i]);
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Whole hashes that are equal, and bands that few share. */
function* buckets(hashes: readonly string[]): Generator<number[]> {
  const width = hashes[0] ? hashes[0].length / BANDS : 0;
  for (let band = -1; band < BANDS; band++) {
    const found = new Map<string, number[]>();
    hashes.forEach((hash, i) => {
      const key = band < 0 ? hash : hash.slice(band * width, (band + 1) * width);
      const held = found.get(key);
      if (held) held.push(i);
      else found.set(key, [i]);
    });
    for (const bucket of found.values())
      if (bucket.length > 1) {
        if (bucket.length <= CROWD) yield bucket;
        // Of a crowd with one whole hash, each is compared with the first ones.
        else if (band < 0) for (const i of bucket.slice(1)) yield [bucket[0]!, i];
      }
  }
}

function differenceHash(thumbnail: Uint8Array): string {
  const mean = (row: number, column: number): number => {
    let sum = 0;
    for (let y = 0; y < BLOCK; y++)
      for (let x = 0; x < BLOCK; x++) sum += thumbnail[(row * BLOCK + y) * THUMBNAIL + column * BLOCK + x]!;
    return sum / BLOCK ** 2;
  };
  let bits = '';
  for (let row = 0; row < SIDE; row++)
    for (let column = 1; column < SIDE; column++) bits += mean(row, column) - mean(row, column - 1) > NOISE ? '1' : '0';
  return bits;
}

function samePicture(a: Uint8Array, b: Uint8Array): boolean {
  const n = a.length;
  let [apart, sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i]!, b[i]!];
    apart += Math.abs(x - y);
    sumA += x;
    sumB += y;
    squaresA += x * x;
    squaresB += y * y;
    products += x * y;
  }
  if (apart / n >= SAME.difference) return false;
  const spread = Math.sqrt((squaresA - sumA ** 2 / n) * (squaresB - sumB ** 2 / n));
  // Plain pictures have no ups and downs.
  return spread === 0 || (products - (sumA * sumB) / n) / spread >= SAME.correlation;
}

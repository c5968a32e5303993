/**
 * Seeded random streams addressed by keys instead of by history.
 *
 * `stream(seed, 'augment', epoch, index)` always gives the same numbers, whoever asks and in whatever order. So no
 * generator state has to be saved: a resumed run, a second worker or another machine names the same keys.
 * Generator: sfc32 (Chris Doty-Humphrey, PractRand), keys hashed by FNV-1a with a murmur3 finaliser.
 */
export interface Stream {
  /** Integer in [0, 2^32). */
  uint32(): number;
  /** Float in [0, 1), 32 bits of it. */
  uniform(): number;
  /** Integer in [0, n). */
  below(n: number): number;
  /** Standard normal (Box-Muller, both values used). */
  normal(): number;
  /** Gamma(shape, 1) by Marsaglia-Tsang (2000). */
  gamma(shape: number): number;
}

export type Key = number | string;

/** A stream that depends on its keys alone. Numbers are taken by value (53 bits), strings by their UTF-16 units. */
export function stream(...keys: readonly Key[]): Stream {
  const [a, b, c] = [hashKeys(keys, 0x9e3779b9), hashKeys(keys, 0x85ebca6b), hashKeys(keys, 0xc2b2ae35)];
  return makeStream(a, b, c);
}

/** Fisher-Yates permutation of 0..n-1. */
export function permutation(n: number, random: Stream): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}

/** Beta(a, b) from two gammas. */
export function beta(a: number, b: number, random: Stream): number {
  const x = random.gamma(a);
  const y = random.gamma(b);
  return x + y === 0 ? 0.5 : x / (x + y);
}

function hashKeys(keys: readonly Key[], start: number): number {
  let h = start | 0;
  const mix = (unit: number) => {
    h = Math.imul(h ^ unit, 0x01000193);
    h ^= h >>> 15;
  };
  for (const key of keys) {
    if (typeof key === 'string') {
      mix(0x53);
      for (let i = 0; i < key.length; i++) mix(key.charCodeAt(i));
    } else {
      mix(0x4e);
      mix(key | 0);
      mix(Math.floor(key / 4294967296) | 0);
      const fraction = key - Math.floor(key);
      if (fraction !== 0) mix(Math.floor(fraction * 4294967296) | 0);
    }
    mix(0x2c);
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function makeStream(a0: number, b0: number, c0: number): Stream {
  let [a, b, c, counter] = [a0 | 0, b0 | 0, c0 | 0, 1];
  let spare: number | undefined;
  const uint32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();
  const uniform = () => uint32() / 4294967296;
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log((uint32() + 1) / 4294967297));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const gamma = (shape: number): number => {
    if (shape < 1) return gamma(shape + 1) * ((uint32() + 1) / 4294967297) ** (1 / shape);
    const d = shape - 1 / 3;
    const k = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = normal();
      const v = (1 + k * x) ** 3;
      if (v > 0 && Math.log((uint32() + 1) / 4294967297) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  };
  return { uint32, uniform, below: (n) => Math.floor(uniform() * n), normal, gamma };
}

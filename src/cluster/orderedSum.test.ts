import { describe, expect, it } from 'vitest';
import { MachineError, UserError } from '../graph/errors.ts';
import { stream } from '../random/stream.ts';
import { memoryTransports } from './memoryTransport.ts';
import { microsOf, OrderedSum } from './orderedSum.ts';
import { alone, Ranks } from './ranks.ts';
import { BLOCK, WIRES, type WireName, wireOf } from './wire.ts';

/** Of unlike lengths, none of them a number of blocks. */
const VECTORS = [BLOCK + 7, 12, 2 * BLOCK];
const MICROS = 7;

/** Numbers of which another order gives another sum. */
function micro(at: number) {
  const random = stream('sum', at);
  const values = (length: number) => Float32Array.from({ length }, () => random.normal() * 10 ** random.below(8));
  return { head: Float32Array.of(at, 10 * at), vectors: VECTORS.map(values) };
}

/** What a rank is told and finds of an update of `MICROS` micro-batches. */
async function update(ranks: Ranks, lanes: number, wire: WireName) {
  const sum = new OrderedSum(ranks, { head: 2, vectors: VECTORS, lanes, wire });
  const told: number[][] = [];
  const mine = microsOf(ranks, lanes, MICROS);
  let sums: readonly Float32Array[] = [];
  // Twice: the second update begins anew.
  for (let time = 0; time < 2; time++) {
    told.length = 0;
    sum.begin();
    const round = ranks.size * lanes;
    for (let from = 0; from < MICROS; from += round) {
      const here = mine.filter((at) => at >= from && at < from + round);
      await sum.add(here.map(micro), from, MICROS - from, (at, head) => void told.push([at, ...head]));
    }
    sums = await sum.ended();
  }
  return { told, sums: sums.map((values) => values.slice()) };
}

/** The sums in an order of the micro-batches, of vectors that travel in some way. */
function summed(order: readonly number[], name: WireName): Float32Array[] {
  const wire = wireOf(name);
  const total = VECTORS.reduce((sum, length) => sum + length, 0);
  const travelled = (values: Float32Array): Float32Array => {
    const packed = new Float32Array(wire.words(values.length));
    wire.pack(values, packed);
    const got = new Float32Array(values.length);
    wire.unpack(packed, got);
    return got;
  };
  const sum = new Float32Array(Math.ceil(total / BLOCK) * BLOCK);
  for (const at of order) {
    const all = new Float32Array(sum.length);
    all.set(micro(at).vectors.flatMap((values) => [...values]));
    for (const [i, x] of travelled(all).entries()) sum[i]! += x;
  }
  const sums = travelled(sum);
  return VECTORS.map((length, which) => {
    const from = VECTORS.slice(0, which).reduce((sum, before) => sum + before, 0);
    return sums.slice(from, from + length);
  });
}
const ORDER = Array.from({ length: MICROS }, (_, at) => at);
const inOrder = { fp32: summed(ORDER, 'fp32'), fp16: summed(ORDER, 'fp16') };

describe.each(WIRES)('sums in the order of the micro-batches, as %s', (wire) => {
  it.each([
    [1, 1],
    [1, 3],
    [2, 1],
    [2, 2],
    [3, 1],
    [7, 1],
    [8, 1],
  ])(
    'are the same on %i ranks of %i lanes, to the bit, and each rank is told all heads in order',
    async (size, lanes) => {
      const ranks = size === 1 ? [alone()] : memoryTransports(size).map((transport) => new Ranks(transport));
      const found = await Promise.all(ranks.map((one) => update(one, lanes, wire)));
      for (const { told, sums } of found) {
        expect(told).toEqual(Array.from({ length: MICROS }, (_, at) => [at, at, 10 * at]));
        expect(sums).toEqual(inOrder[wire]);
      }
    },
  );

  it('would be others in another order', () => {
    expect(summed(ORDER.toReversed(), wire)).not.toEqual(inOrder[wire]);
  });
});

describe('the micro-batches of an update', () => {
  it("are each one rank's", () => {
    const all = [0, 1, 2].flatMap((rank) => microsOf({ rank, size: 3 }, 2, 11));
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, at) => at));
    expect(microsOf({ rank: 1, size: 3 }, 2, 11)).toEqual([2, 3, 8, 9]);
  });
});

describe('ranks', () => {
  const three = () => memoryTransports(3).map((transport) => new Ranks(transport));

  it('gather what each has, of any length', async () => {
    const found = await Promise.all(three().map((ranks) => ranks.gather('it', new Uint8Array(ranks.rank).fill(9))));
    for (const all of found) expect(all.map((bytes) => [...bytes])).toEqual([[], [9], [9, 9]]);
  });

  it('hear of one of them', async () => {
    expect(await Promise.all(three().map((ranks) => ranks.some('it', ranks.rank === 2)))).toEqual([true, true, true]);
    expect(await Promise.all(three().map((ranks) => ranks.some('it', false)))).toEqual([false, false, false]);
  });

  it('read what the first reads, nothing and errors too, and do not read themselves', async () => {
    let reads = 0;
    const read = (give: () => Uint8Array | undefined) =>
      Promise.allSettled(
        three().map((ranks) =>
          ranks.readFirst('it', async () => {
            reads++;
            return give();
          }),
        ),
      );
    const values = async (give: () => Uint8Array | undefined) =>
      (await read(give)).map((result) => (result.status === 'fulfilled' ? result.value : result.reason));
    expect(await values(() => Uint8Array.of(1, 2))).toEqual(Array(3).fill(Uint8Array.of(1, 2)));
    expect(await values(() => new Uint8Array(0))).toEqual(Array(3).fill(new Uint8Array(0)));
    expect(await values(() => undefined)).toEqual([undefined, undefined, undefined]);
    for (const Kind of [UserError, MachineError, Error]) {
      const errors = await values(() => {
        throw new Kind('so');
      });
      expect(errors.map((error) => [(error as Error).constructor, (error as Error).message])).toEqual(
        Array(3).fill([Kind, 'so']),
      );
    }
    expect(reads).toBe(6);
  });

  it('refuse to wait for two things at once', async () => {
    const [first] = three();
    void first!.some('one', true);
    await expect(first!.some('other', true)).rejects.toThrow('internal: ranks: other while one goes on');
  });
});

import { expect, it } from 'vitest';
import { againstBetter } from './inTurn.ts';
import { hasBf16, peerTorch } from './peer.ts';

const timed = (...seconds: number[]) => ({ seconds, buildSeconds: 0, peakRssMB: 1 });
const torch = { version: '2', blas: 'openblas' };

it('holds ours against the way of waiting by which PyTorch is faster', () => {
  const own = [timed(1), timed(2)];
  const fast = [timed(2), timed(3)];
  const slow = [timed(8), timed(8)];
  const wanted = { ratio: 2, ratioRange: [1.5, 2] };
  const passive = againstBetter(own, { active: slow, passive: fast }, 16, torch);
  expect(passive).toMatchObject({ ...wanted, peer: { waits: 'passive', imagesPerSec: 16 / 3, otherImagesPerSec: 2 } });
  const active = againstBetter(own, { active: fast, passive: slow }, 16, torch);
  expect(active).toMatchObject({ ...wanted, peer: { waits: 'active', imagesPerSec: 16 / 3, otherImagesPerSec: 2 } });
});

it('leaves out a PyTorch that is missing or multiplies by the reference BLAS, and says so', () => {
  const found = { python: 'python3', version: '1.13', blas: 'openblas' };
  expect(peerTorch(found)).toEqual({ torch: found, skipped: [] });
  expect(peerTorch({ ...found, blas: 'reference' })).toEqual({
    skipped: [expect.stringContaining('apt-get install libopenblas0')],
  });
});

it('knows the processors that multiply bfloat16', () => {
  expect(hasBf16('flags : fpu avx2 avx512f avx512_bf16 sha_ni')).toBe(true);
  expect(hasBf16('flags : fpu amx_bf16')).toBe(true);
  expect(hasBf16('flags : fpu avx2 avx512f avx512_vnni')).toBe(false);
  expect(hasBf16('')).toBe(false);
});

import { expect, it } from 'vitest';
import { decisionsAgree, embeddingsAgree } from './agreement.ts';

const rows = (...list: number[][]): Float32Array[] => list.map((row) => Float32Array.from(row));

it('decisions agree where the largest logit is the same, embeddings by their direction', () => {
  const [float, eight] = [rows([1, 0], [0, 1]), rows([2, 0], [1, 0])];
  expect(decisionsAgree(float, eight).agreement).toBe(0.5);
  const found = embeddingsAgree(float, eight);
  expect(found).toEqual({
    agreement: 0.5,
    found: "in 8 bits its embedding has a mean cosine of 0.5000 with float's on 2 images",
  });
  // Of a vector of zeros nothing is alike, and nothing is divided by 0.
  expect(embeddingsAgree(rows([0, 0]), rows([0, 1])).agreement).toBe(0);
});

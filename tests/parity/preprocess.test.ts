import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evalPixels } from '../../src/data/augment/evalPixels.ts';
import type { Pixels } from '../../src/data/augment/pixels.ts';
import { inputPixels, preprocess } from '../../src/data/preprocess.ts';
import { prepare } from '../../src/data/loading/transform.ts';
import { chosenPreprocessing, preprocessingOf } from '../../src/formats/preprocessing/foreignPreprocessor.ts';
import type { Json } from '../../src/formats/disk/jsonValue.ts';
import { preprocessorFile, readPreprocessorFile } from '../../src/formats/preprocessing/preprocessorFile.ts';
import { evalTransform } from '../../src/run/datasets/preprocess.ts';

/** What transformers, timm and torchvision make of pictures of seven shapes (tests/golden/makePreprocess.py). */
interface Golden {
  readonly shapes: readonly (readonly [number, number])[];
  readonly cases: readonly {
    readonly name: string;
    /** A pretrained_cfg, else a preprocessor_config.json. */
    readonly timm: boolean;
    readonly config: Json;
    readonly answers: readonly { readonly side: number; readonly digest: string; readonly values: readonly number[] }[];
  }[];
}

const golden = JSON.parse(readFileSync(new URL('../golden/preprocess.json', import.meta.url), 'utf8')) as Golden;

/** The pattern of makePreprocess.py. */
function pattern(width: number, height: number): Pixels {
  const row = 3 * width;
  const data = new Uint8Array(row * height);
  for (let at = 0, state = 1; at < data.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[at] = Math.min(255, (state >>> 25) + Math.floor(((at % row) * 160) / row));
  }
  return { data, width, height };
}

const images = golden.shapes.map(([width, height]) => pattern(width, height));
const digestOf = ({ data }: Pixels) => createHash('sha256').update(data).digest('hex').slice(0, 24);

/** The largest difference from the reference's float32 at seven places. */
function distance(found: Float32Array, wanted: readonly number[]): number {
  return Math.max(
    ...wanted.map((value, i) => {
      const got = found[Math.floor((i * found.length) / wanted.length)]!;
      return Math.abs(got - value) / Math.max(1, Math.abs(value));
    }),
  );
}

describe.each(golden.cases)('evaluation as $name has it', ({ timm, config, answers }) => {
  const said = timm ? preprocessingOf(undefined, config, 'card') : preprocessingOf(config, undefined, 'file');
  const how = chosenPreprocessing(said, {}, said.imageSize!)!;

  it('gives the bytes of the square, and what is made of them', () => {
    expect(said.notes).toEqual([]);
    for (const [i, { side, digest, values }] of answers.entries()) {
      const square = evalPixels(images[i]!, how);
      expect([square.width, square.height, digestOf(square)]).toEqual([side, side, digest]);
      const fed = timm ? inputPixels(images[i]!, how) : preprocess(images[i]!, config);
      expect(distance(fed, values)).toBeLessThan(1e-5);
    }
  });

  it('is the same in the loader, and after it was written to a folder', async () => {
    const border = how.geometry?.resize.to === 'longer';
    if (border) expect(() => preprocessorFile(how)).toThrow('crop_mode');
    const written = border ? undefined : (JSON.parse(JSON.stringify(preprocessorFile(how))) as Json);
    const again = written ? readPreprocessorFile(written, how.imageSize, 'written') : how;
    expect(again.imageSize).toBe(how.imageSize);
    for (const c of [0, 1, 2]) {
      expect(again.mean[c]).toBeCloseTo(how.mean[c]!, 12);
      expect(again.std[c]).toBeCloseTo(how.std[c]!, 12);
    }
    for (const [i, { digest }] of answers.entries()) {
      expect(digestOf(await prepare(images[i]!, evalTransform(how), false))).toBe(digest);
      expect(digestOf(evalPixels(images[i]!, again))).toBe(digest);
    }
  });
});

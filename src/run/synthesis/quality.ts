import { join } from 'node:path';
import { largest } from '../../graph/lists.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import type { Engine } from '../../engine/contract.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { ImageRecord } from './batchFolder.ts';
import { type Diversity, diversityOf, unitRows } from './diversity.ts';
import { type Look, type RunningNorm, TeacherEye } from './lookAt.ts';

/** Figures of a finished set, by the teacher that it was made from. */
export interface SetQuality extends Diversity {
  readonly images: number;
  /** Share that the teacher takes for the class that was wanted, and its mean probability of that class. */
  readonly teacherTop1: number;
  readonly teacherConfidence: number;
  /** Of each BatchNorm over the whole set: the norms of the gaps, as the loss has them batch by batch. */
  readonly normGaps: readonly { readonly name: string; readonly mean: number; readonly variance: number }[];
  /** Images that the distances are taken of. */
  readonly compared: number;
}

/** Distances are of every pair, so of this many images at most, spread over the set. Our choice. */
const COMPARED = 3000;
const BATCH = 50;

/** Reads the set back and measures it. */
export async function measureSet(
  out: string,
  teacher: LoadedModel,
  records: readonly ImageRecord[],
  side: number,
  engine: Engine,
): Promise<SetQuality> {
  const eye = await TeacherEye.open(teacher, side, Math.min(BATCH, records.length), engine);
  const stride = Math.max(1, Math.ceil(records.length / COMPARED));
  const vectors: Float32Array[] = [];
  const labels: number[] = [];
  const sums = new NormSums(eye.norms);
  let [right, confidence] = [0, 0];
  for (let from = 0; from < records.length; from += eye.batch) {
    const part = records.slice(from, from + eye.batch);
    const pictures = await Promise.all(
      part.map(async ({ path }) => ({ side, data: (await decodeImage(join(out, path))).data })),
    );
    const { logits, pooled, norms } = await eye.look(pictures, (i) => join(out, part[i]!.path));
    const [K, D] = [logits.length / eye.batch, pooled.length / eye.batch];
    part.forEach((record, i) => {
      const row = logits.subarray(i * K, (i + 1) * K);
      const label = teacher.classes.indexOf(record.class);
      if (row.indexOf(largest(row)) === label) right++;
      confidence += record.confidence;
      if ((from + i) % stride !== 0) return;
      vectors.push(pooled.slice(i * D, (i + 1) * D));
      labels.push(label);
    });
    sums.add(norms, part.length);
  }
  await eye.dispose();
  const width = vectors[0]?.length ?? 0;
  const joined = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => void joined.set(vector, i * width));
  return {
    images: records.length,
    teacherTop1: right / records.length,
    teacherConfidence: confidence / records.length,
    ...diversityOf({ width, vectors: unitRows(joined, width), labels: Int32Array.from(labels) }),
    compared: labels.length,
    normGaps: sums.gaps(),
  };
}

/** Statistics of the whole set at each BatchNorm, from those of its images. */
class NormSums {
  readonly #norms: readonly RunningNorm[];
  readonly #sums: readonly { readonly mean: Float64Array; readonly square: Float64Array }[];
  #images = 0;

  constructor(norms: readonly RunningNorm[]) {
    this.#norms = norms;
    this.#sums = norms.map(({ mean }) => ({
      mean: new Float64Array(mean.length),
      square: new Float64Array(mean.length),
    }));
  }

  /** The first `images` rows of what was seen. */
  add(seen: Look['norms'], images: number): void {
    this.#sums.forEach((sum, i) => {
      const C = sum.mean.length;
      for (let at = 0; at < images * C; at++) {
        sum.mean[at % C]! += seen[i]!.mean[at]!;
        sum.square[at % C]! += seen[i]!.square[at]!;
      }
    });
    this.#images += images;
  }

  gaps(): SetQuality['normGaps'] {
    return this.#norms.map(({ name, mean, variance }, i) => {
      const own = Array.from(this.#sums[i]!.mean, (sum) => sum / this.#images);
      const spread = own.map((m, c) => this.#sums[i]!.square[c]! / this.#images - m * m);
      return {
        name,
        mean: Math.hypot(...own.map((m, c) => m - mean[c]!)),
        variance: Math.hypot(...spread.map((v, c) => v - variance[c]!)),
      };
    });
  }
}

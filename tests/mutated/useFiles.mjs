/** Uses models, checkpoints and sets whose files may be damaged, as the commands do; what they give must be numbers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../../dist/run/evaluation/predict.js';
import { loadModelReference } from '../../dist/run/models/reference.js';
import { synthesize } from '../../dist/run/synthesis/synthesize.js';
import { startRun } from '../../dist/run/training/startRunNode.js';

/** A wide image, so that every geometry has something to do. */
const [width, height] = [40, 30];
const image = { data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256), width, height };

/** The folder of a mutated file, without what lies in it. */
const folderOf = (folder, file) => join(folder, file.slice(0, file.indexOf('/')));

export const useModelFile = (folder, file) => answers(join(folder, file));
export const useModelFolder = (folder, file) => answers(folderOf(folder, file));

async function answers(reference) {
  const model = await loadModel(reference);
  try {
    const found = await model.predict(image, { top: model.classes.length });
    const wrong = found.filter(({ probability: p }) => !(p >= 0 && p <= 1));
    if (wrong.length > 0) throw new Error(`probabilities that are none: ${JSON.stringify(wrong.slice(0, 3))}`);
    if (new Set(found.map((one) => one.class)).size !== model.classes.length) throw new Error('classes without names');
  } finally {
    await model.dispose();
  }
}

/** The last step of a run, its evaluation and the model that it writes. */
export async function goOn(folder, file) {
  const out = folderOf(folder, file);
  const { best, last } = await startRun('train', {}, { out, resume: true });
  const figures = { best: best?.top1 ?? 0, ...last };
  const wrong = Object.entries(figures).filter(([, value]) => !Number.isFinite(value));
  if (wrong.length > 0) throw new Error(`figures that are no numbers: ${wrong.join(' ')}`);
  // Refuses weights that are not finite.
  await loadModelReference(join(out, 'model'));
}

/** A set is gone on with, or (every other file) gets a further round. */
export async function goOnWithSet(folder, file) {
  const base = folderOf(folder, file);
  const round = 1 + (Number.parseInt(file, 10) % 2);
  const asked = JSON.parse(readFileSync(join(base, 'asked.json'), 'utf8'));
  const given = { teacher: join(base, 'teacher'), out: join(base, 'set'), round };
  const { images, quality } = await synthesize({ ...asked, ...given });
  if (images !== round * asked.images) throw new Error(`${images} images`);
  const wrong = Object.entries(quality).filter(([, value]) => typeof value === 'number' && !Number.isFinite(value));
  if (wrong.length > 0) throw new Error(`quality that is no number: ${wrong.join(' ')}`);
}

import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { prepare } from '../../data/loading/transform.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { UserError } from '../../graph/errors.ts';
import { evalTransform, pixelValues } from '../../run/datasets/preprocess.ts';
import { analyseModels } from '../../run/looking/analyse.ts';
import { classAttentionOf } from '../../run/looking/features.ts';
import { attentionPicture } from '../../run/looking/picture.ts';
import { DTYPES, ONNX_FILES } from '../../run/exporting/files.ts';
import { portsOf } from '../../run/exporting/ports.ts';
import { snippetsOf } from '../../run/exporting/snippets.ts';
import { inspectModel } from '../../run/models/inspect.ts';
import { loadModelReference } from '../../run/models/reference.ts';
import type { LearnedAnswer, ModelAnswer, SnippetsAnswer } from '../answers.ts';
import type { Reply } from '../asking/question.ts';

/** Images of an analysis. Our choice: enough for CKA to settle, few enough to be waited for. */
const IMAGES = 64;

/** Question `inspect`: what a model is. */
export async function inspected([path]: readonly string[]): Promise<Reply> {
  const { family, parameters, macs, bytesOnDisk, classes, preprocessing, features, asStudent, asTeacher } =
    await inspectModel(path!);
  const head: ModelAnswer = {
    ...{ family, parameters, macs, bytesOnDisk, classes, features, asStudent, asTeacher },
    imageSize: preprocessing?.imageSize ?? null,
  };
  return { head };
}

/** Question `snippets`: code that runs an exported folder, for each of its ONNX files. */
export async function snippets([path]: readonly string[]): Promise<Reply> {
  const { network, classes, preprocessing } = await loadModelReference(path!, {});
  const dtypes = classes.length === 0 ? [] : DTYPES.filter((dtype) => existsSync(join(path!, ONNX_FILES[dtype])));
  const head: SnippetsAnswer = {
    snippets: dtypes.flatMap((dtype) =>
      snippetsOf({ dtype, ports: portsOf(network), preprocessing, folder: basename(path!) }).map((snippet) => ({
        ...snippet,
        dtype,
      })),
    ),
  };
  return { head };
}

/** Question `learned`: attention distance and CKA of one model, or of two, over images of a folder. */
export async function learned([data, first, second]: readonly string[]): Promise<Reply> {
  const out = await mkdtemp(join(tmpdir(), 'understudy-learned-'));
  try {
    const found = await analyseModels(second === undefined ? [first!] : [first!, second], {
      data: data!,
      images: IMAGES,
      out,
    });
    const { rows, columns, unbiased } = found.cka;
    const head: LearnedAnswer = {
      images: found.images,
      distances: found.models.map(({ attentionDistance }) => attentionDistance?.mean ?? null),
      cka: { rows, columns, values: unbiased },
    };
    return { head };
  } finally {
    await rm(out, { recursive: true });
  }
}

/** Question `attention`: what the class token of the last block looks at in an image, as a PNG. */
export async function attention([path, image]: readonly string[]): Promise<Reply> {
  const model = await loadModelReference(path!, {});
  const decoded = await decodeImage(image!);
  const looked = await classAttentionOf(model, pixelValues(decoded, model.preprocessing), ortNode());
  if (!looked) throw new UserError('this network has no attention to show: it is a convolutional one');
  const view = await prepare(decoded, evalTransform(model.preprocessing), false);
  return { head: {}, body: [await attentionPicture(view, looked)] };
}

import { listNames } from '../../graph/names.ts';
import { geometryText } from '../../formats/preprocessing/geometry.ts';
import { imageName, renumber, subset } from '../../data/dataset.ts';
import type { MultilabelScores } from '../../analysis/multilabel.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { frozenProgram } from '../../program/evalProgram.ts';
import { evaluate } from '../../train/evaluate.ts';
import type { Finding } from './finding.ts';
import { oneOf } from '../../models/index.ts';
import { sizeOfModel } from '../models/size.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { LabelTally } from '../datasets/multilabel.ts';
import { evalTransform } from '../datasets/preprocess.ts';
import type { RunData } from '../datasets/runData.ts';
import { onceOver } from '../datasets/loaders.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import { noStatistics } from '../synthesis/checkTeacher.ts';
import { fitting } from '../teacher/features.ts';

/** Validation images that the teacher answers. */
const SAMPLE = 256;
/** Larger networks answer fewer, so that it stays within seconds. */
const SAMPLE_MACS = 400e9;

const REMEDY = "Check its input size, mean and std, and whether its class names mean what the data's mean";

/** What can be said of a teacher beside some images. */
export async function examineTeacher(teacher: LoadedModel, data: RunData): Promise<Finding[]> {
  return [
    shape(teacher, data),
    ...classMatch(teacher, data),
    ...kindMatch(teacher, data),
    dataFree(teacher),
    ...(await accuracy(teacher, data)),
  ];
}

function shape({ preprocessing, network, path }: LoadedModel, { facts }: RunData): Finding {
  const { imageSize, mean, std, evalCropRatio, geometry, filter } = preprocessing;
  const round = (values: readonly number[]) => values.map((x) => Number(x.toFixed(3))).join(', ');
  const text = `${path} (${network.family}): ${geometry ? geometryText(preprocessing, filter ?? 'bicubic') : `${imageSize} px${filter ? `, ${filter}` : ''}, crop ratio ${evalCropRatio}`}, mean ${round(mean)}, std ${round(std)}`;
  if (facts.shorterSide * 2 >= imageSize) return { level: 'ok', about: 'teacher', text };
  return {
    level: 'note',
    about: 'teacher',
    text: `${text}; the images are ${facts.shorterSide} px and are scaled up to that`,
  };
}

function classMatch(teacher: LoadedModel, data: RunData): Finding[] {
  const { classes } = teacher;
  if (!data.labelled) return [];
  if (teacher.network.classes === 0)
    return [
      {
        level: 'note',
        about: 'classes',
        text: 'the teacher has no classifier: methods that read its embedding or its tokens can learn from it (embed, vitkd), and images need no labels',
      },
    ];
  const [own, theirs] = [new Set(data.classes), new Set(classes)];
  const lacking = data.classes.filter((name) => !theirs.has(name));
  const besides = classes.filter((name) => !own.has(name));
  const few = (names: readonly string[]) => listNames(names, 5);
  if (lacking.length === 0 && besides.length === 0) {
    const order = classes.every((name, i) => name === data.classes[i])
      ? 'in the same order'
      : 'in another order; they are matched by name';
    return [
      { level: 'ok', about: 'classes', text: `the teacher's ${classes.length} classes are the data's, ${order}` },
    ];
  }
  return [
    {
      level: 'error',
      about: 'classes',
      text: `of the data's ${data.classes.length} classes the teacher lacks ${lacking.length === 0 ? 'none' : few(lacking)}; it has ${besides.length === 0 ? 'none' : few(besides)} besides`,
      remedy: `Methods that read its logits need the same classes: ${fitting(teacher)}, or distil features alone (dearkd with logitKd none)`,
    },
  ];
}

/** Told where one of the two is multilabel: their logits mean other things otherwise. */
function kindMatch({ multilabel = false }: LoadedModel, data: RunData): Finding[] {
  const about = 'labels';
  const several = 'several classes an image (multilabel)';
  if (!data.labelled)
    return multilabel
      ? [{ level: 'note', about, text: `the teacher answers with ${several}, and so will the student` }]
      : [];
  if (multilabel === data.multilabel)
    return multilabel ? [{ level: 'ok', about, text: `teacher and data have ${several}` }] : [];
  const kind = (yes: boolean) => (yes ? several : 'one class an image');
  return [
    {
      level: 'warning',
      about,
      text: `the data has ${kind(data.multilabel)}, the teacher ${kind(multilabel)}`,
      remedy:
        'Methods that read its logits are refused: train a teacher on this data (understudy train), or distil features alone (vitkd; dearkd with logitKd none)',
    },
  ];
}

function dataFree({ network }: LoadedModel): Finding {
  const has = (network.features as readonly string[]).includes('normStats');
  return has
    ? {
        level: 'ok',
        about: 'data-free',
        text: 'it has BatchNorm statistics: images can be made from it (understudy synthesize)',
      }
    : {
        level: 'note',
        about: 'data-free',
        text: `${oneOf(network.family)} without BatchNorm statistics: no images can be made from it`,
        ...(network.family === 'onnx' ? { remedy: noStatistics('onnx') } : {}),
      };
}

async function accuracy(teacher: LoadedModel, data: RunData): Promise<Finding[]> {
  const { val, classes, labelled, multilabel } = data;
  const at = classes.map((name) => teacher.classes.indexOf(name));
  if (!labelled || multilabel !== (teacher.multilabel ?? false)) return [];
  if (val.paths.length === 0 || at.some((index) => index < 0)) return [];
  const count = Math.max(8, Math.min(SAMPLE, Math.floor(SAMPLE_MACS / sizeOfModel(teacher.network).macs)));
  const list = renumber(subset(val, { count }, 0), at);
  const tally = list.sets && new LabelTally(list.sets, teacher.classes.length);
  const batch = Math.min(8, list.paths.length);
  const loader = createLoader(onceOver(list, evalTransform(teacher.preprocessing), batch));
  const engine = ortNode();
  const compiled = await engine.compile(frozenProgram(teacher.network, teacher.weights, batch));
  try {
    const { top1, images } = await evaluate({
      ...{ engine, compiled, batch, imageSize: teacher.preprocessing.imageSize },
      classes: teacher.classes.length,
      batches: loader.batches(),
      answering: { model: teacher.path, image: (index) => imageName(list, index) },
      size: list.paths.length,
      onLogits: (logits, index) => tally?.add(logits, index),
    });
    return [tally ? labelVerdict(tally.judge()) : verdict(top1, images, classes.length)];
  } finally {
    await compiled.dispose();
    await loader.close();
  }
}

/** Our choice: a teacher that is not a tenth of the way from chance (a class's share of the images) to perfect has learned something else. */
function labelVerdict({ map, images, classes }: MultilabelScores): Finding {
  const shares = classes.filter((score) => score.images > 0).map((score) => score.images / images);
  const chance = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  if (shares.length === 0)
    return {
      level: 'note',
      about: 'accuracy',
      text: `none of ${images} validation images has a class: nothing to measure`,
    };
  const text = `mAP ${(100 * map).toFixed(1)} % on ${images} validation images, chance is ${(100 * chance).toFixed(1)} %`;
  if (map >= chance + (1 - chance) / 10) return { level: 'ok', about: 'accuracy', text };
  return { level: 'warning', about: 'accuracy', text, remedy: REMEDY };
}

/** Our choice: a teacher below three times chance, or below 30 % of a few classes, has learned something else. */
function verdict(top1: number, images: number, classes: number): Finding {
  const text = `top-1 ${(100 * top1).toFixed(1)} % on ${images} validation images`;
  if (top1 >= Math.min(0.5, 3 / classes)) return { level: 'ok', about: 'accuracy', text };
  return {
    level: 'warning',
    about: 'accuracy',
    text: `${text}, chance is ${(100 / classes).toFixed(1)} %`,
    remedy: REMEDY,
  };
}

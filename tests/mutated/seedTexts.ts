import { readdirSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { RECIPES } from '../../src/config/recipes/index.ts';

/** A folder that is not there: a configuration that is read well comes as far as its images, and no run begins. */
export const NO_IMAGES = 'no-such-images';

const row = (make: (i: number) => string) => Array.from({ length: 8 }, (_, i) => make(i)).join('\n');

/** Tables of the images `images/0.png` to `images/7.png`, in every form. */
export const TABLE_TEXTS = {
  names: `image_path,label,split\n${row((i) => `images/${i}.png,${['cat', 'dog'][i % 2]},${i < 6 ? 'train' : 'val'}`)}\n`,
  ids: `${row((i) => `images/${i}.png,${i % 3}`)}\n`,
  quoted: `\ufefffilename,class\r\n${row((i) => `"images/${i}.png","c, ""${i % 2}"""\r`)}\n`,
  several: `path,labels\n${row((i) => `images/${i}.png,${['a;b', 'b', '', 'ü|c'][i % 4]}`)}\n`,
  indicators: `id,path,cat,dog,bird\n${row((i) => `${i},images/${i}.png,${i & 1},${(i >> 1) & 1},1`)}\n`,
  unlabelled: `file\n${row((i) => `images/${i}.png`)}\n`,
};

const everyFourth = <T>(all: readonly T[]): T[] => all.filter((_, i) => i % 4 === 0);

/** Settings of runs: one with most keys, one with anchors, some of the papers' recipes. */
export const RUN_TEXTS = {
  whole: `# a comment
data: {dir: ${NO_IMAGES}, fraction: 0.5, workers: 2, cache: memory, maxBadFraction: 0.05, views: 4}
student:
  name: vit_pico_patch4
  imageSize: 32
  settings: {depth: 2, width: 32, heads: 2}
teacher:
  ref: runs/teacher
  precision: auto
  store: {use: auto, maxGB: 5}
method: vitkd+nkd
methods:
  nkd: {gamma: 1.5}
stages:
  - {method: vitkd+nkd, share: 0.8}
  - {method: supervised, share: 0.2, optim: {lr: 1.0e-4, schedule: constant}}
augment:
  preset: deit
  scale: [0.3, 1]
  randAugment: rand-m9-mstd0.5-inc1
  mean: [0.485, 0.456, 0.406]
optim: {name: lamb, lr: 5e-4, betas: [0.9, 0.999], clipNorm: 1}
train:
  epochs: 12
  budget: 30m
  batch: 64
  ema: 0.999
  earlyStop: {patience: 5, metric: val/top1}
`,
  anchors: `data:
  dir: ["${NO_IMAGES}", 'other é place']
student: {name: &name "vit_pico_patch4", settings: &wide {width: 32}}
method: >-
  supervised
stages:
  - &half {method: &method supervised, share: 0.5, train: all}
  - {method: *method, share: 0.5}
methods: {supervised: {labelSmoothing: 1e-1}}
train: {seed: 0x1f, batch: auto}
`,
  ...Object.fromEntries(
    everyFourth(Object.values(RECIPES)).map(({ name, config }) => [
      name,
      stringify({ ...config, data: { ...(config as { data?: object }).data, dir: NO_IMAGES } }),
    ]),
  ),
};

const folder = new URL('../../studies/', import.meta.url);

/** The studies of the repository. */
export const STUDY_TEXTS = Object.fromEntries(
  readdirSync(folder).map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]),
);

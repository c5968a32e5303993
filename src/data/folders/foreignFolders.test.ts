import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataset } from '../openDatasetNode.ts';
import { partOfFile, partOfWord } from './partNames.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-foreign-folders-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Empty files, of which only the names are read; a folder with `*3` has images 0.png to 2.png. */
function touch(...paths: string[]): void {
  for (const path of paths) {
    const [, folder, count] = /^(.*)\*(\d+)$/.exec(path) ?? [];
    if (folder !== undefined) touch(...Array.from({ length: Number(count) }, (_, i) => `${folder}/${i}.png`));
    else {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), '');
    }
  }
}

const open = () => openDataset(dir, { seed: 1 });

/** Classes, sizes of both parts, who split, notes without the folder. */
async function read() {
  const { classes, train, val, splitSource, notes = [] } = await open();
  return [
    classes.join(' '),
    train.paths.length,
    val.paths.length,
    splitSource,
    ...notes.map((note) => note.replaceAll(`${dir}/`, '').replaceAll(dir, '.')),
  ];
}

describe('names of parts', () => {
  it.each([
    [
      'train',
      'train Training TRAIN training_set seg_train train2017 TrainSet x-train imagenet_train trainval Trn images.train',
    ],
    [
      'train',
      'Trainingsdaten entraînement entrainement apprentissage Entrenamiento treino treinamento addestramento eğitim',
    ],
    ['train', 'обучение тренировочная 训练集 训练 訓練 学習用 훈련 trening'],
    ['val', 'val Val VAL val2017 seg_val images-val val_images'],
    [
      'validation',
      'validation Validation_set eval evaluation Validierung validación validacao validación 验证集 検証 검증 walidacja doğrulama',
    ],
    ['valid', 'valid Valid valid_set'],
    ['dev', 'dev dev_set'],
    ['test', 'test Testing TEST test_set seg_test test2017 Testdaten pruebas teste テスト 测试集 тестовая holdout'],
  ])('%s: %s', (part, names) => {
    expect(names.split(' ').map((name) => [name, partOfWord(name)])).toEqual(
      names.split(' ').map((name) => [name, part]),
    );
    // As a disk of a Macintosh writes it.
    expect(names.split(' ').map((name) => partOfWord(name.normalize('NFD')))).not.toContain(undefined);
  });

  it('are no words within other names, nor two parts at once', () => {
    for (const name of [
      'test tube',
      'trained',
      'bullet train',
      'valley',
      'latest',
      'contest',
      'train test',
      'devil',
      'set',
      '',
    ])
      expect([name, partOfWord(name)]).toEqual([name, undefined]);
    expect(
      ['train-00000-of-00004', 'dogs_val', 'imagenet1k-test-0001', 'list', 'latest', 'train-val'].map(partOfFile),
    ).toEqual(['train', 'val', 'test', undefined, undefined, undefined]);
  });
});

describe('parts', () => {
  it.each([
    ['Training', 'Testing'],
    ['seg_train', 'seg_test'],
    ['entraînement', 'validation'],
    ['TRAIN', 'Eval'],
    ['训练集', '测试集'],
  ])('%s and %s, with the same classes', async (train, val) => {
    touch(`${train}/a*3`, `${train}/b*2`, `${val}/a*1`, `${val}/b*1`);
    expect(await read()).toEqual(['a b', 5, 2, 'folders']);
  });

  it('in a folder of an archive, one in another of the same name', async () => {
    touch('Intel/seg_train/seg_train/a*3', 'Intel/seg_train/seg_train/b*3', 'Intel/seg_test/seg_test/a*1');
    touch('Intel/seg_pred/seg_pred*4');
    expect(await read()).toEqual([
      'a b',
      6,
      1,
      'folders',
      'Intel is read, the only folder of .',
      'Intel/seg_pred: 4 images are left out: it is no part beside seg_train/',
    ]);
  });

  it('the best is for validation, the others are told', async () => {
    touch('train/a*3', 'train/b*3', 'test/a*1', 'val/a*2', 'val/b*1', 'extra*5', 'train/stray.png');
    expect(await read()).toEqual([
      'a b',
      6,
      3,
      'folders',
      'train: one image is left out, in no class folder ("stray.png")',
      'test: one image is left out: val/ is for validation',
      'extra: 5 images are left out: it is no part beside train/',
    ]);
  });

  it('pictures without classes to be tested are left out', async () => {
    const told = (path: string) =>
      `${path}: 6 images are left out, without classes (no folders of train/). For a model's answers: understudy predict MODEL ${path}`;
    touch('train/a*20', 'train/b*20', 'test*6');
    expect(await read()).toEqual(['a b', 36, 4, 'seeded', told('test')]);
    rmSync(join(dir, 'test'), { recursive: true });
    // In a folder of its own, as ImageFolder wants it.
    touch('test/unknown*6');
    expect(await read()).toEqual(['a b', 36, 4, 'seeded', told('test')]);
  });

  it('a class called train is no part: beside class folders it is asked', async () => {
    touch('train/diesel*3', 'train/steam*3', 'bus*3', 'car*3');
    await expect(open()).rejects.toThrow(
      /got train\/ with folders \("diesel", "steam"\) beside bus\/.*rename it \(to trains/,
    );
    rmSync(join(dir, 'train'), { recursive: true });
    touch('train*4');
    expect((await open()).classes).toEqual(['bus', 'car', 'train']);
  });

  it('within the classes', async () => {
    touch('cat/train*3', 'cat/test*1', 'dog/train*3', 'dog/test*2', 'dog/val*1');
    const [classes, train, val, by, note] = await read();
    expect([classes, train, val, by]).toEqual(['cat dog', 6, 1, 'folders']);
    expect(note).toMatch(
      /within the classes \("test", "train", "val"\) are taken for parts; 3 images of test are left out/,
    );
  });

  it('no training part: refused; folders of the same names in all classes: told', async () => {
    touch('test/a*3', 'test/b*3', 'val/a*2', 'val/b*2');
    await expect(open()).rejects.toThrow(
      /a folder train beside test; got "test", "val" with folders of the same names/,
    );
    rmSync(join(dir, 'test'), { recursive: true });
    rmSync(join(dir, 'val'), { recursive: true });
    touch('lot1/good*9', 'lot1/bad*9', 'lot2/good*9', 'lot2/bad*9');
    const [classes, , , , note] = await read();
    expect(classes).toBe('lot1 lot2');
    expect(note).toMatch(
      /^\.: "lot1", "lot2" are taken for the classes; each of them holds the same folders \("bad", "good"\)/,
    );
  });

  it('two folders for training are asked for, a plain one is meant', async () => {
    touch('train_a/a*1', 'train_a/b*1', 'seg_train/a*1', 'seg_train/b*1', 'x_train/a*1');
    await expect(open()).rejects.toThrow(/wanted one folder for training, got "seg_train", "train_a"/);
    touch('train/a*2', 'train/b*2');
    const [, train, , , ...notes] = await read();
    expect([train, notes.length]).toEqual([4 - 2, 3]);
  });

  it('folders of systems hold no images', async () => {
    touch('a*2', 'b*2', '__MACOSX/a*2', '@eaDir/a*1', 'a/@eaDir/1.jpg');
    expect((await read()).slice(0, 3)).toEqual(['a b', 2, 2]);
  });
});

describe('what looks like a picture and is not read', () => {
  it('is counted and named by its ending, by its first bytes where that says nothing', async () => {
    touch('a/1.png', 'a/2.jfif', 'a/3.JPE', 'b/4.dib', 'a/5.HEIC', 'b/6.heic', 'b/7.ppm', 'b/notes.txt', 'b/8.json');
    writeFileSync(join(dir, 'b/photo'), Buffer.from('ffd8ffe000104a46', 'hex'));
    writeFileSync(join(dir, 'b/x.weights'), 'no picture at all');
    const [, train, val, , note] = await read();
    expect([train, val]).toEqual([3, 1]);
    expect(note).toBe(
      "4 of 8 pictures are left out, whose format or ending is not read: 2 .heic (a/5.HEIC), 1 without an ending (b/photo), 1 .ppm (b/7.ppm). Convert them to PNG or JPEG, or give them their format's ending",
    );
  });

  it('is in the refusal of a class or a place without others', async () => {
    touch('a/1.png', 'b/1.heic', 'b/2.heic');
    await expect(open()).rejects.toThrow(/got none in "b".*2 of \d pictures are left out.*2 \.heic/);
    rmSync(join(dir, 'a'), { recursive: true });
    await expect(open()).rejects.toThrow(/got no image at all\. 2 of 2 pictures are left out/);
  });
});

describe('names in two forms of Unicode', () => {
  const [one, two] = ['café'.normalize('NFC'), 'café'.normalize('NFD')];

  it('are one class in both parts, and in one folder', async () => {
    touch(`train/${two}*2`, 'train/tea*2', `val/${one}*1`);
    expect(await read()).toEqual([`${one} tea`, 4, 1, 'folders']);
    touch(`train/${one}*3`);
    const [classes, train, val, , note] = await read();
    expect([classes, train, val]).toEqual([`${one} tea`, 7, 1]);
    expect(note).toMatch(/stands there in two forms of Unicode, one class/);
  });

  it('bytes that are no UTF-8 are refused by name', async () => {
    touch('a*1', 'b*1');
    mkdirSync(Buffer.from(`${dir}/p\xe9che`, 'latin1'));
    await expect(open()).rejects.toThrow(/p\ufffdche: wanted names in UTF-8/);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Dataset, ImageList } from '../dataset.ts';
import { openDataset } from '../openDatasetNode.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-multilabel-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function open(csv: string, more = {}): Promise<Dataset> {
  writeFileSync(join(dir, 'list.csv'), csv);
  return openDataset(join(dir, 'list.csv'), { seed: 1, valFraction: 0, ...more });
}

const named = ({ classes }: Dataset, { paths, sets }: ImageList) =>
  Object.fromEntries(paths.map((path, i) => [path, sets![i]!.map((k) => classes[k])]));

it.each([
  ['labels', 'image_path,labels\nb.png,dog;cat\na.png,\nc.png,cat\n'],
  ['label, by a separator in a cell', 'image_path,label\nb.png,dog | cat\na.png,\nc.png,cat\n'],
  ['no header', 'b.png,dog;cat;\na.png,""\nc.png,cat\n'],
])('several classes an image: %s', async (_, csv) => {
  const data = await open(csv);
  expect(data.classes).toEqual(['cat', 'dog']);
  expect([...data.train.labels]).toEqual([-1, -1, -1]);
  expect(named(data, data.train)).toEqual({ 'a.png': [], 'b.png': ['cat', 'dog'], 'c.png': ['cat'] });
});

it('a column without separators is one class an image, also where it is called labels, which is told', async () => {
  expect((await open('path,label\na.png,cat\nb.png,dog\n')).train.sets).toBeUndefined();
  const one = await open('path,labels\na.png,cat\nb.png,dog\n');
  expect([one.train.sets, [...one.train.labels]]).toEqual([undefined, [0, 1]]);
  expect(one.notes).toEqual([expect.stringMatching(/list\.csv: .*each cell has one.* one class each/)]);
  // An empty cell is an image of no class, and a separator at the end says that there may be several.
  expect((await open('path,labels\na.png,cat\nb.png,dog\nc.png,\n')).train.sets).toEqual([[0], [1], []]);
  expect((await open('path,labels\na.png,cat;\nb.png,dog\n')).train.sets).toEqual([[0], [1]]);
  expect((await open('path,labels\na.png,\nb.png,\n')).classes).toEqual([]);
});

it('the split is seeded and plain, and images keep their classes in it and in a part of them', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => `${i}.png,${[i % 2 ? 'odd' : '', i > 19 ? 'big' : ''].join(';')}`);
  const csv = `path,labels\n${rows.join('\n')}\n`;
  const data = await open(csv, { valFraction: 0.25, limit: 8 });
  expect(data.splitSource).toBe('seeded');
  expect([data.train.paths.length, data.val.paths.length]).toEqual([8, 8]);
  for (const [path, classes] of Object.entries({ ...named(data, data.train), ...named(data, data.val) })) {
    const i = Number.parseInt(path, 10);
    expect(classes).toEqual([...(i > 19 ? ['big'] : []), ...(i % 2 ? ['odd'] : [])]);
  }
  expect((await open(csv, { valFraction: 0.25 })).val).toEqual((await open(csv, { valFraction: 0.25 })).val);
  expect((await open(csv, { valFraction: 0.25, seed: 2 })).val).not.toEqual(
    (await open(csv, { valFraction: 0.25 })).val,
  );
});

it('names the row where a class stands twice, where an image has two labels, and an unknown class', async () => {
  await expect(open('path,labels\na.png,cat\nb.png,dog;cat;dog\n')).rejects.toThrow(
    /list\.csv: row 3: wanted each class once, got "dog" twice/,
  );
  await expect(open('path,labels\na.png,cat\nb.png,dog\na.png,cat;dog\n')).rejects.toThrow(
    /rows 2 and 4: wanted one label for a\.png, got "cat" and "cat;dog"/,
  );
  // Of one class an image too: a row for each class is not how several are written.
  await expect(open('path,label\na.png,cat\na.png,dog\n')).rejects.toThrow(
    /several classes stand in one cell: cat;dog/,
  );
  await expect(open('path,labels,split\na.png,cat;dog,train\nb.png,cow,val\n')).rejects.toThrow(
    /wanted only classes of the training part in the validation part, got "cow" besides "cat", "dog"/,
  );
});

describe('columns of 0 and 1', () => {
  it('are a class each, beside path and split; what was taken as what is said', async () => {
    const data = await open(
      ',path,split,Dog,cat,width,Cow, fish\n0,b.png,train,1, 1,640,0,0\n1,a.png,train,0,0,480,0,0\n2,c.png,val,1,0,1,1,0\n3,d.png,train,0,0,500,1,0\n',
    );
    expect(data.classes).toEqual(['Cow', 'Dog', 'cat']);
    expect(named(data, data.train)).toEqual({ 'a.png': [], 'b.png': ['Dog', 'cat'], 'd.png': ['Cow'] });
    expect(named(data, data.val)).toEqual({ 'c.png': ['Cow', 'Dog'] });
    expect(data.notes).toEqual([
      `${join(dir, 'list.csv')}: 4 columns of 0 and 1 are taken as classes, several an image: Dog, cat, Cow, fish; no image has fish, left out; not taken: width`,
    ]);
  });

  it('are none beside a label column, where there is one alone, or without a header', async () => {
    const single = await open('path,label,blurred,dark\na.png,cat,0,1\nb.png,dog,1,0\n');
    expect([single.classes, single.train.sets, single.notes]).toEqual([['cat', 'dog'], undefined, undefined]);
    expect((await open('path,blurred\na.png,0\nb.png,1\n')).classes).toEqual([]);
    expect((await open('a.png,0,1\nb.png,1,0\n')).classes).toEqual(['0', '1']);
    expect((await open('path,x,y\na.png,0.5,0\nb.png,1,2\n')).classes).toEqual([]);
  });

  it('with a slip, or twice the same name, are refused with the place', async () => {
    const rows = (cell: string) => `path,cat,dog,cow\na.png,1,0,1\nb.png,0,1,1\nc.png,0,1,${cell}\n`;
    await expect(open(rows('2'))).rejects.toThrow(/row 4: wanted 0 or 1 in column "cow", .*got "2"/);
    await expect(open(rows(''))).rejects.toThrow(/row 4: wanted 0 or 1 in column "cow", .*got ""/);
    await expect(open('path,cat,dog,cat\na.png,1,0,1\n')).rejects.toThrow(/class column, got "cat" twice/);
  });
});

it('the same image with the same classes, in whatever order, counts once', async () => {
  const data = await open('path,labels\na.png,cat;dog\nb.png,dog\n./a.png,dog;cat\n');
  expect(data.train.paths).toEqual(['a.png', 'b.png']);
});

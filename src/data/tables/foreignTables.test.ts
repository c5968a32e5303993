import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csvRows } from './csvRows.ts';
import { openDataset } from '../openDatasetNode.ts';
import { decodeText } from './textEncoding.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-foreign-tables-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(name: string, bytes: Uint8Array | string = ''): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

const open = (place: string) => openDataset(place, { seed: 1, valFraction: 0 });

/** Path and class of each image. */
async function read(bytes: Uint8Array | string): Promise<string> {
  const { classes, train } = await open(write('list.csv', bytes));
  return train.paths.map((path, i) => `${path}=${classes[train.labels[i]!] ?? '-'}`).join(' ');
}

describe('rows', () => {
  const rows = (text: string, delimiter = ',') => [...csvRows(text, delimiter)];

  it('have quotes as RFC 4180 has them, and quotes that are text', () => {
    expect(rows('a,"b, ""c""\nd",e\r\n\r\n"f"\r\n,\n')).toEqual([['a', 'b, "c"\nd', 'e'], ['f'], ['', '']]);
    expect(rows('5" disk,"x"y,z"\n"",""')).toEqual([
      ['5" disk', '"x"y', 'z"'],
      ['', ''],
    ]);
    expect(rows('a;b\rc;d\r', ';')).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(() => rows('a\nb,"c\nd')).toThrow('a quote that is not closed in line 2');
  });

  it('without a delimiter take no longer for being many', () => {
    const text = 'a "b" c.png\n'.repeat(200_000);
    const from = performance.now();
    expect(rows(text)).toHaveLength(200_000);
    expect(performance.now() - from).toBeLessThan(5000);
  });
});

describe('delimiters', () => {
  const want = 'a/1.png=cat b/2.png=dog';
  it.each([
    ['semicolons', 'image_path;label\na/1.png;cat\nb/2.png;dog\n'],
    ['semicolons without a header', 'a/1.png;cat\nb/2.png;dog\n'],
    ['tabs', 'path\tclass\na/1.png\tcat\nb/2.png\tdog\n'],
    ['tabs without a header', 'a/1.png\tcat\nb/2.png\tdog\n'],
    ['bars', 'file|label\r\na/1.png|cat\r\nb/2.png|dog\r\n'],
    ['bars without a header', 'a/1.png|cat\nb/2.png|dog'],
    ['blanks', 'a/1.png cat\nb/2.png dog\n'],
    ['said by Excel', 'sep=;\r\npath;label\r\na/1.png;cat\r\nb/2.png;dog\r\n'],
    ['the class first', 'cat;a/1.png\ndog;b/2.png\n'],
    ['words of another language', 'Bild;Klasse\na/1.png;cat\nb/2.png;dog\n'],
    ['quoted, with others within', '"path";"label"\n"a/1.png";"cat"\n"b/2.png";"dog"\n'],
    ['carriage returns', 'path,label\ra/1.png,cat\rb/2.png,dog\r'],
  ])('%s', async (_, text) => {
    expect(await read(text)).toBe(want);
  });

  it('names with blanks, semicolons of several classes and a lone column are not cut', async () => {
    expect(await read('my cat.png\nmy dog.png\n')).toBe('my cat.png=- my dog.png=-');
    const several = await open(write('list.csv', 'path;label\na.png;cat|dog\nb.png;dog\n'));
    expect(several.train.sets).toEqual([[0, 1], [1]]);
    expect(await read('path,label\na.png,"cat, tabby"\nb.png,dog;\n')).toBe('a.png=- b.png=-');
  });

  it('columns of which none is a picture, or several may be the class, are named', async () => {
    await expect(read('id;name\n1;2\n')).rejects.toThrow(/wanted a column image_path.*got id, name\. Rename/);
    await expect(read('Bild;Klasse;Farbe\na.png;x;y\n')).rejects.toThrow(
      /got Klasse, Farbe\. Rename the column that holds/,
    );
  });

  it('a class column of another name is told, not passed over', async () => {
    const { classes, notes } = await open(write('list.csv', 'path,breed\na.png,pug\nb.png,corgi\n'));
    expect([classes, notes]).toEqual([[], [expect.stringMatching(/no column is called label.*not read: breed/)]]);
  });
});

describe('encodings', () => {
  const text = 'path,label\na.png,pêche\nb.png,pèche\nc.png,Größe\n';
  const want = 'a.png=pêche b.png=pèche c.png=Größe';
  it.each([
    ['UTF-8', Buffer.from(text)],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`)],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 without', Buffer.from(text, 'utf16le')],
    ['UTF-16, big end first', Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-16, big end first, without', Buffer.from(text, 'utf16le').swap16()],
    ['Windows-1252', Buffer.from(text, 'latin1')],
  ])('%s', async (_, bytes) => {
    expect(await read(bytes)).toBe(want);
  });

  it('the guess is told with its line; letters that were lost before too', () => {
    expect(decodeText(Buffer.from('path\na\nna\xefve \x96 \x80', 'latin1'))).toEqual({
      text: 'path\na\nnaïve – €',
      note: 'line 3 is no UTF-8; read as Windows-1252: "naïve – €". Save the file as UTF-8 if that is wrong',
    });
    expect(decodeText(Buffer.from('a\np\ufffdche')).note).toMatch(/^line 2 has letters that were lost/);
  });

  it.each([
    ['Russian, Windows-1251', 'path,label\na.png,cat\nb.png,\xea\xee\xf2\n'],
    ['Chinese, GBK', 'path,label\na.png,cat\nb.png,\xb9\xb7\n'],
    ['Japanese, Shift-JIS', 'path,label\na.png,cat\nb.png,\x94\x4c\x81\x41\n'],
    ['Polish, ISO 8859-2', 'path,label\na.png,cat\nb.png,\xb3o\xb6\n'],
    ['Macintosh', 'path,label\na.png,cat\nb.png,p\x8eche\n'],
    ['DOS', 'path,label\na.png,cat\nb.png,p\x82che\n'],
  ])('%s is refused with its line', async (_, text) => {
    await expect(read(Buffer.from(text, 'latin1'))).rejects.toThrow(
      /list\.csv: wanted a CSV file in UTF-8, got line 3/,
    );
  });

  it('a path in one form of Unicode finds the file in the other', async () => {
    write('img/cafe\u0301.png');
    expect(await read('path,label\nimg/caf\u00e9.png,x\nb.png,y\n')).toBe('b.png=y img/cafe\u0301.png=x');
  });
});

describe('one class or several', () => {
  it.each([
    [
      'blanks, an underscore within',
      'path,labels\na.png,scab frog_eye\nb.png,scab\nc.png,healthy\n',
      'frog_eye healthy scab',
    ],
    ['blanks between numbers', 'path,tags\na.png,0 7\nb.png,3\n', '0 3 7'],
    ['commas', 'path,labels\na.png,"cat, dog"\nb.png,dog\n', 'cat dog'],
    ['a list as Python writes it', `path,label\na.png,"['cat', 'dog']"\nb.png,"['dog']"\nc.png,[]\n`, 'cat dog'],
  ])('%s', async (_, text, classes) => {
    const data = await open(write('list.csv', text));
    expect([data.classes.join(' '), data.train.sets !== undefined]).toEqual([classes, true]);
  });

  it.each([
    ['names of several words', 'path,labels\na.png,polar bear\nb.png,bear\n', 'bear,polar bear'],
    ["ImageNet's names", 'path,labels\na.png,"tench, Tinca"\nb.png,goldfish\n', 'goldfish,tench, Tinca'],
  ])('one: %s', async (_, text, classes) => {
    const data = await open(write('list.csv', text));
    expect([data.classes.join(','), data.train.sets]).toEqual([classes, undefined]);
  });
});

describe('tables beside folders', () => {
  it('may say which images are for validation', async () => {
    const file = write(
      'x.csv',
      'path,class,split\na.png,cat,train\nb.png,dog,train\nc.png,dog,valid\nd.png,dog,test\n',
    );
    const { train, val, splitSource } = await open(file);
    expect([train.paths, val.paths, [...val.labels], splitSource]).toEqual([
      ['a.png', 'b.png'],
      ['c.png'],
      [1],
      'folders',
    ]);
  });

  it('a table with the images of train/ is read, forms for answers and test pictures are not', async () => {
    for (const name of ['train/1.png', 'train/2.png', 'test/3.png']) write(name);
    write('train.csv', 'image,label\ntrain/1.png,cat\ntrain/2.png,dog\n');
    write('test.csv', 'image\ntest/3.png\n');
    write('sample_submission.csv', 'image,label\ntest/3.png,cat\n');
    write('classes.csv', 'id,name\n0,cat\n');
    const { classes, train, val, notes } = await open(dir);
    expect([classes, train.paths, val.paths.length]).toEqual([['cat', 'dog'], ['train/1.png', 'train/2.png'], 0]);
    expect(notes).toEqual([
      expect.stringMatching(/sample_submission\.csv is not read: it is a form for answers/),
      expect.stringMatching(/classes\.csv is not read: it has no column of images/),
      expect.stringMatching(/1 images of the validation or test part have no classes and are left out/),
    ]);
  });

  it('a table beside class folders is named', async () => {
    for (const name of ['cat/1.png', 'dog/2.png']) write(name);
    write('list.csv', 'path,label\ncat/1.png,a\n');
    expect((await open(dir)).notes).toEqual([expect.stringMatching(/"list\.csv" is not read: the class folders say/)]);
  });

  it('a column of parts may have the words of any data set; more than one beside train is told', async () => {
    const { train, val, notes } = await open(
      write('x.csv', 'path,label,Usage\na.png,0,Training\nb.png,1,Training\nc.png,0,PublicTest\nd.png,1,validation\n'),
    );
    expect([train.paths.length, val.paths]).toEqual([2, ['d.png']]);
    expect(notes).toEqual([
      expect.stringMatching(/1 images of the part test are left out: validation is for validation/),
    ]);
    await expect(open(write('y.csv', 'path,label,split\na.png,0,train\nb.png,1,foo\n'))).rejects.toThrow(/got "foo"/);
    await expect(
      open(write('z.csv', 'path,label,split\na.png,0,train\nb.png,1,train\nc.png,,val\nd.png,1,val\n')),
    ).rejects.toThrow(/wanted classes for the validation images, got 1 images without\. Add their classes/);
  });
});

describe.skipIf(process.platform !== 'linux')('what never ends', () => {
  it('is refused as a table, and as an image that a table names', async () => {
    const pipe = join(dir, 'pipe.csv');
    execFileSync('mkfifo', [pipe, join(dir, 'pipe.tar'), join(dir, 'pipe.parquet')]);
    for (const name of ['pipe.csv', 'pipe.tar', 'pipe.parquet'])
      await expect(open(join(dir, name))).rejects.toThrow(/pipe\.\w+: wanted a .*, got a device or a pipe/);
    symlinkSync('/proc/kmsg', join(dir, 'kmsg.csv'));
    await expect(open(join(dir, 'kmsg.csv'))).rejects.toThrow(/kmsg\.csv: wanted .*, got (an empty file|.*EACCES)/);
    await expect(open(dir)).rejects.toThrow(/one kind/);
  });
});

import { expect, it } from 'vitest';
import { type FileOfFolder, imagesOfFolder } from './blobSource.ts';

const file = (path: string): FileOfFolder =>
  Object.assign(new Blob([path], { type: path.endsWith('.txt') ? 'text/plain' : 'image/png' }), {
    name: path.split('/').at(-1)!,
    webkitRelativePath: path,
  });
const shown = (paths: readonly string[]) => {
  const { name, classes, train, val } = imagesOfFolder(paths.map(file));
  return { name, classes, train: train.map(({ label }) => label), val: val?.map(({ label }) => label) };
};

it('a picked folder has the classes of its folders, and what lies beside them is left out', async () => {
  expect(shown(['pets/dog/1.png', 'pets/cat/2.JPG', 'pets/cat/.3.png', 'pets/cat/notes.txt', 'pets/4.png'])).toEqual({
    ...{ name: 'pets', classes: ['cat', 'dog'], train: ['dog', 'cat'], val: undefined },
  });
  const source = imagesOfFolder([file('pets/dog/1.png'), file('pets/cat/1.png')]);
  const read = (await source.read(source.train[1]!.id)) as Uint8Array;
  expect(new TextDecoder().decode(read)).toBe('pets/cat/1.png');
});

it('train and val are parts where there is a train folder of classes, else classes', () => {
  const paths = ['d/train/a/1.png', 'd/train/b/1.png', 'd/val/a/1.png', 'd/test/a/1.png'];
  expect(shown(paths)).toEqual({ name: 'd', classes: ['a', 'b'], train: ['a', 'b'], val: ['a'] });
  expect(shown(['d/train/1.png', 'd/bus/1.png']).classes).toEqual(['bus', 'train']);
});

it('a folder without class folders is refused', () => {
  expect(() => imagesOfFolder([file('d/1.png')])).toThrow(
    'd: wanted images in class folders (d/CLASS/*, or d/train/CLASS/*), got 1 images outside of any',
  );
  expect(() => imagesOfFolder([])).toThrow('got 0 images');
});

import { expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import { openRunData } from './openRunData.ts';

const images = (part: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `${part}${i}`, label: i % 2 === 0 ? 'a' : 'b' }));

const source: ImageSource = {
  name: 'mine',
  classes: ['a', 'b'],
  train: images('train', 40),
  val: images('val', 10),
  read: async () => ({ width: 8, height: 8, data: new Uint8Array(192) }),
};

const open = (data: object) =>
  openRunData(
    parseConfig(runSchema, { data: { dir: 'mine', ...data }, student: { name: 'vit_pico_patch4' } }, 'test'),
    undefined,
    source,
  );

it('an inner split validates on a part of the images that would train, and on no other', async () => {
  const { train, val, reportOnly } = await open({ innerFraction: 0.2 });
  expect([train.paths.length, val.paths.length, reportOnly]).toEqual([32, 8, false]);
  expect([...train.paths, ...val.paths].sort()).toEqual(source.train.map(({ id }) => id).sort());
  expect([...val.labels].filter((label) => label === 0)).toHaveLength(4);
  expect((await open({ innerFraction: 0.2 })).val.paths).toEqual(val.paths);
  expect((await open({ innerFraction: 0.2, splitSeed: 1 })).val.paths).not.toEqual(val.paths);
});

it('the halves of the validation images have each image once and each class alike; all images train', async () => {
  const [choose, report] = [await open({ valHalf: 'choose' }), await open({ valHalf: 'report' })];
  expect([...choose.val.paths, ...report.val.paths].sort()).toEqual(source.val!.map(({ id }) => id).sort());
  for (const { train, val } of [choose, report]) {
    expect(train.paths.length).toBe(40);
    expect([...val.labels].filter((label) => label === 0).length).toBeGreaterThanOrEqual(2);
  }
  expect((await open({ valHalf: 'choose', images: 10 })).val.paths).toEqual(choose.val.paths);
  await expect(open({ valHalf: 'choose', innerFraction: 0.2 })).rejects.toThrow('leave one of the two out');
});

it('fewer images than were asked for are told', async () => {
  expect((await open({ images: 41 })).notes).toEqual([
    'data.images: wanted 41 training images, got 40: all of them train',
  ]);
  expect((await open({ images: 40 })).notes).toEqual([]);
});

it('of a part of the images, it is a part of that part', async () => {
  const part = await open({ images: 20 });
  const { train, val } = await open({ images: 20, innerFraction: 0.25 });
  expect([...train.paths, ...val.paths].sort()).toEqual([...part.train.paths].sort());
  expect(val.paths.length).toBe(6);
});

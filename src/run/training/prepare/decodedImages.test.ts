import { expect, it } from 'vitest';
import { describeForecast } from './decodedImagesNode.ts';

const base = { dir: '/cache', bytes: 10e9, stored: 4e9, limit: 20e9, free: 100e9 };

it('a forecast says what decoded images take, what is there, the limit and what is free', () => {
  const { level, text } = describeForecast(base);
  expect(level).toBe('note');
  expect(text).toBe(
    'about 10 GB in /cache (data.cache=disk), 40 % of it there already; limit 20 GB (data.cacheGB), 100 GB free on the disk',
  );
});

it('warns where the limit or the disk is too small for them', () => {
  expect(describeForecast({ ...base, limit: 5e9 })).toMatchObject({
    level: 'warning',
    text: expect.stringMatching(/the limit holds 50 % of them/) as string,
    remedy: 'Raise data.cacheGB',
  });
  // 6 GB are missing and 1 GB stays free: 6.9 are too few, 7.1 are enough.
  const disk = (free: number, limit = 20e9) => describeForecast({ ...base, free, limit });
  expect(disk(6.9e9)).toMatchObject({ level: 'warning', remedy: expect.stringMatching(/data.cacheDir/) as string });
  expect(disk(7.1e9).level).toBe('note');
  // What the limit would not let in needs no room on the disk.
  expect(disk(2.1e9, 5e9).remedy).toBe('Raise data.cacheGB');
});

import { expect, test } from 'vitest';
import { formatCsv, parseCsv } from './csvText.ts';

test('quotes cells with commas, quotes and line breaks, and those alone', () => {
  expect(formatCsv([['a b', 'c,d', 'e"f', 'g\nh', '']])).toBe('a b,"c,d","e""f","g\nh",\n');
});

test('reads back what it writes', () => {
  const rows = [
    ['step', 'va"l,1'],
    ['1', ''],
    ['', '"'],
    ['\n', ',,'],
    ['x', 'y\r\nz'],
  ];
  expect(parseCsv(formatCsv(rows))).toEqual(rows);
});

test('no spreadsheet computes a text, numbers stay, and both are read back', () => {
  const cells = ['=HYPERLINK("x")', '+1+2', '-x', '@a', "'=b", '-1.5', '+2', '=', "'plain", '1e-3', ''];
  const text = formatCsv([cells]);
  expect(text).toBe(`"'=HYPERLINK(""x"")",'+1+2,'-x,'@a,''=b,-1.5,+2,'=,'plain,1e-3,\n`);
  expect(parseCsv(text)).toEqual([cells]);
});

test('reads other line ends, empty cells at the ends, and an unfinished last line', () => {
  expect(parseCsv('a,b\r\n,\r\n1,2')).toEqual([
    ['a', 'b'],
    ['', ''],
    ['1', '2'],
  ]);
  expect(parseCsv('a,b,')).toEqual([['a', 'b', '']]);
  expect(parseCsv('')).toEqual([]);
});

import { expect, test } from 'vitest';
import { linkOf, linkText } from './link.ts';
import { measureLink } from './measureLinkNode.ts';

test.each([
  ['1Gb/s', 125e6, 50e-6, '1 Gb/s'],
  ['2.5Gbit/s', 312.5e6, 50e-6, '2.5 Gb/s'],
  ['110MB/s,200us', 110e6, 200e-6, '880 Mb/s'],
  ['100Mb/s,1.5ms', 12.5e6, 1.5e-3, '100 Mb/s'],
])('%s', (text, bytesPerSecond, latency, told) => {
  const link = linkOf(text);
  expect(link.bytesPerSecond).toBeCloseTo(bytesPerSecond, 3);
  expect(link.latency).toBeCloseTo(latency, 9);
  expect(linkText(link)).toBe(told);
});

test.each(['1', '1Gb', '0Gb/s', 'fast', '1Tb/s', '-1Gb/s', '1Gb/s,5s'])('%s is refused', (text) => {
  expect(() => linkOf(text)).toThrow('--link: wanted a speed such as 1Gb/s');
});

test('a link is measured by what comes back, and one that does not is refused in words', async () => {
  const { bytesPerSecond, latency } = await measureLink('here', ['sh', '-c', 'exec cat']);
  expect(bytesPerSecond).toBeGreaterThan(10e6);
  expect(latency).toBeGreaterThan(0);
  expect(latency).toBeLessThan(0.05);
  await expect(measureLink('here', ['sh', '-c', 'exit 1'])).rejects.toThrow(
    '--link ssh:here: wanted a machine that ssh reaches without a question, got its end with status 1',
  );
  await expect(measureLink('here', ['no-such-program'])).rejects.toThrow('ENOENT');
});

import { expect, test, vi } from 'vitest';
import { consoleLogger } from './consoleNode.ts';
import { progressLine } from './progressLine.ts';
import { evaluation, startTime, step } from './testEvents.ts';

function fakeStream(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

const clear = '\r\x1b[K';

test('on a terminal the bar is redrawn in its line and other events stand above it', async () => {
  const stream = fakeStream(true);
  const logger = consoleLogger({ stream });
  logger.on({ type: 'note', time: 0, message: 'before' });
  logger.on(step(1));
  logger.on(step(2));
  logger.on(evaluation(2));
  await logger.close();
  await logger.close();
  const [one, two] = [progressLine(step(1), {}, 79), progressLine(step(2), {}, 79)];
  expect(stream.written).toEqual([
    'before\n',
    clear + one,
    clear + two,
    `${clear}epoch 1, step 2: val/loss 1.250  val/top1 0.5000\n${two}`,
    '\n',
  ]);
});

test('redraws are at least 100 ms apart, but for the last step; the width is read each time', () => {
  const stream = fakeStream(true);
  const logger = consoleLogger({ stream });
  for (const [at, ms] of [
    [97, 0],
    [98, 99],
    [99, 100],
    [100, 101],
  ] as const) {
    stream.columns = at;
    logger.on(step(at, { time: startTime + ms }));
  }
  expect(stream.written).toEqual([97, 99, 100].map((at) => clear + progressLine(step(at), {}, at - 1)));
});

test('without a terminal there are plain lines only', async () => {
  const stream = fakeStream(false);
  const logger = consoleLogger({ stream, plainEveryMs: 3000 });
  for (let at = 1; at <= 5; at++) logger.on(step(at));
  logger.on(evaluation(5));
  await logger.close();
  expect(stream.written.map((line) => line.slice(0, 20))).toEqual([
    'epoch 1  1/100  loss',
    'epoch 1  4/100  loss',
    'epoch 1, step 5: val',
  ]);
  expect(stream.written.every((line) => line.endsWith('\n') && !/\p{Cc}/u.test(line.slice(0, -1)))).toBe(true);
});

test.each([true, false])('what is for files alone is left out (terminal: %s)', (isTTY) => {
  const stream = fakeStream(isTTY);
  const logger = consoleLogger({ stream });
  logger.on({ type: 'note', time: 0, message: 'all settings', detail: true });
  logger.on({ type: 'note', time: 0, message: 'a few' });
  expect(stream.written).toEqual(['a few\n']);
});

test('a terminal gets lines of its own width, a file whole ones', () => {
  const message = `${'word '.repeat(20)}end`;
  for (const isTTY of [true, false]) {
    const stream = fakeStream(isTTY);
    consoleLogger({ stream }).on({ type: 'note', time: 0, message });
    const widths = stream.written
      .join('')
      .split('\n')
      .map((line) => line.length);
    expect(Math.max(...widths)).toBe(isTTY ? 79 : message.length);
  }
});

test('the default stream is stderr', () => {
  const [error, out] = [vi.spyOn(process.stderr, 'write'), vi.spyOn(process.stdout, 'write')];
  error.mockReturnValue(true);
  out.mockReturnValue(true);
  consoleLogger().on({ type: 'note', time: 0, message: 'hello' });
  const calls = [error.mock.calls.map(([text]) => text), out.mock.calls.length];
  vi.restoreAllMocks();
  expect(calls).toEqual([['hello\n'], 0]);
});

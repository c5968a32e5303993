import { expect, test } from 'vitest';
import { combineLoggers, type Logger } from './logger.ts';

test('passes everything to each, in order, and closes all although one fails', async () => {
  const calls: string[] = [];
  const make = (name: string, fails = false): Logger => ({
    on: (event) => calls.push(`${name} ${event.type}`),
    flush: async () => {
      calls.push(`${name} flush`);
    },
    close: async () => {
      calls.push(`${name} close`);
      if (fails) throw new Error(`${name} failed`);
    },
  });
  const all = combineLoggers([make('a', true), make('b')]);
  all.on({ type: 'note', time: 0, message: '' });
  await all.flush();
  await expect(all.close()).rejects.toThrow('a failed');
  expect(calls).toEqual(['a note', 'b note', 'a flush', 'b flush', 'a close', 'b close']);
});

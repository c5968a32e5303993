import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { fileError, systemError } from './fileErrorNode.ts';

const failed = (code: string, reason: string) =>
  Object.assign(new Error(`${code}: ${reason}, open '/runs/a.tmp-0123'`), { code });

test('an error of the disk says path, wish, reason and remedy, and not the temporary path', () => {
  const cause = failed('EROFS', 'read-only file system');
  const error = fileError(cause, '/runs/a', 'write it') as UserError;
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toBe(
    '/runs/a: wanted to write it, got EROFS: read-only file system. The file system is read-only: choose another folder.',
  );
  expect(error.cause).toBe(cause);
});

test('what the user cannot mend stays as it is', () => {
  const [fault, user] = [failed('EBADF', 'bad file descriptor'), new UserError('x')];
  expect(fileError(fault, '/runs/a', 'write it')).toBe(fault);
  expect(fileError(user, '/runs/a', 'write it')).toBe(user);
  expect(fileError('text', '/runs/a', 'write it')).toBe('text');
});

test('an error without a name in Node is found by its number: a full quota', () => {
  const code = `Unknown system error -${constants.errno.EDQUOT}`;
  const quota = Object.assign(new Error(`${code}: ${code}, mkdir '/runs/a.tmp-0'`), {
    code,
    errno: -constants.errno.EDQUOT,
  });
  expect(fileError(quota, '/runs/a', 'write it')).toMatchObject({
    message: expect.stringMatching(/^\/runs\/a: wanted to write it, got EDQUOT: .*\. Your quota is used up/),
  });
  const other = Object.assign(new Error('x'), { code: 'Unknown system error -1999', errno: -1999 });
  expect(fileError(other, '/runs/a', 'write it')).toBe(other);
});

test.each([
  [new RangeError('Array buffer allocation failed'), /not enough memory/],
  [
    new Error('Non-zero status code: Failed to allocate memory for requested buffer of size 115000000000'),
    /not enough memory/,
  ],
  [new Error('std::bad_alloc'), /not enough memory/],
  [Object.assign(new Error('Worker terminated'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }), /not enough memory/],
  [new Error('pthread_create failed'), /no more threads/],
  [failed('EMFILE', 'too many open files'), /ulimit -n/],
])('what the system refuses without a file of the user: %s', (error, remedy) => {
  expect(systemError(error)?.message).toMatch(/^the system refused: /);
  expect(systemError(error)?.message).toMatch(remedy);
});

test('faults of ours stay faults', () => {
  for (const error of [
    new TypeError('x is undefined'),
    new RangeError('Maximum call stack size exceeded'),
    new UserError('x'),
    3,
  ])
    expect(systemError(error)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { fileError } from './fileErrorNode.ts';

const systemError = (code: string, reason: string) =>
  Object.assign(new Error(`${code}: ${reason}, open '/runs/a.tmp-0123'`), { code });

test('an error of the disk says path, wish, reason and remedy, and not the temporary path', () => {
  const cause = systemError('EROFS', 'read-only file system');
  const error = fileError(cause, '/runs/a', 'write it') as UserError;
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toBe(
    '/runs/a: wanted to write it, got EROFS: read-only file system. The file system is read-only: choose another folder.',
  );
  expect(error.cause).toBe(cause);
});

test('what the user cannot mend stays as it is', () => {
  const [fault, user] = [systemError('EBADF', 'bad file descriptor'), new UserError('x')];
  expect(fileError(fault, '/runs/a', 'write it')).toBe(fault);
  expect(fileError(user, '/runs/a', 'write it')).toBe(user);
  expect(fileError('text', '/runs/a', 'write it')).toBe('text');
});

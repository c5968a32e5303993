import { afterEach, expect, it, vi } from 'vitest';
import { fileError } from '../formats/disk/fileErrorNode.ts';
import { UserError } from '../graph/errors.ts';
import { reportError, whileRunning } from './outcome.ts';

afterEach(() => vi.restoreAllMocks());

/** Status and text of a reported error. */
function report(error: unknown): [number, string] {
  let text = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((part) => {
    text += String(part);
    return true;
  });
  return [reportError(error), text];
}

it("a user's error is words alone, with status 2", () => {
  expect(report(new UserError('x: wanted a, got b'))).toEqual([2, 'error: x: wanted a, got b\n']);
});

it('after the work has begun it has status 1', async () => {
  const fail = (begun: boolean) =>
    whileRunning(async (start) => {
      if (begun) start();
      throw new UserError('disk full');
    });
  expect(report(await fail(true).catch((error: unknown) => error))).toEqual([1, 'error: disk full\n']);
  expect(report(await fail(false).catch((error: unknown) => error))).toEqual([2, 'error: disk full\n']);
});

it('a fault of ours has status 1, its stack and a plea to report it, begun or not', async () => {
  const fault = new Error('internal: odd');
  const begun = whileRunning(async (start) => {
    start();
    throw fault;
  });
  for (const error of [fault, await begun.catch((error: unknown) => error)]) {
    const [status, text] = report(error);
    expect(status).toBe(1);
    expect(text).toMatch(/^Error: internal: odd\n {4}at [\s\S]*Please report it/);
  }
});

it('what the system refuses is a failure in words, begun or not', () => {
  const [status, text] = report(Object.assign(new Error("EMFILE: too many open files, open '/x'"), { code: 'EMFILE' }));
  expect(status).toBe(1);
  expect(text).toMatch(/^error: the system refused: EMFILE: [^\n]*ulimit -n\)\.\n$/);
});

it('a full disk is a failure whenever it comes, a path that may not be read is wrong use', () => {
  const refusal = (code: string) =>
    fileError(Object.assign(new Error(`${code}: no, open '/x'`), { code }), 'x', 'read it');
  expect(report(refusal('ENOSPC'))).toEqual([
    1,
    expect.stringMatching(/^error: x: wanted to read it, got ENOSPC: no\. Free/),
  ]);
  expect(report(refusal('EACCES'))).toEqual([2, expect.stringMatching(/^error: x: wanted to read it, got EACCES/)]);
});

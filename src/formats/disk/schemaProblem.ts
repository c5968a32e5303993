import type { z } from 'zod';
import { brief } from '../../graph/errors.ts';

/** The first thing that is wrong with a file of our own, by its key: "best.step: wanted int, got nothing". */
export function schemaProblem({ issues }: z.ZodError): string {
  const { path, message } = issues[0]!;
  const told = message
    .replace(/^Invalid input: /, '')
    .replace(/^expected /, 'wanted ')
    .replace(/, received undefined$/, ', got nothing')
    .replace(/, received (\w+)$/, ', got $1');
  return `${path.length > 0 ? `${brief(path.map(String).join('.'))}: ` : ''}${brief(told, 300)}`;
}

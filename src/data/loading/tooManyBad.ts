import { UserError } from '../../graph/errors.ts';

export function tooManyBad(bad: ReadonlyMap<string, string>, n: number, allowed: number): UserError {
  const named = [...bad].slice(0, 5).map(([path, reason]) => `\n  ${path}: ${reason}`);
  return new UserError(
    `Data: wanted at most ${allowed * 100} % unreadable images of ${n}, got ${bad.size} so far:${named.join('')}\n` +
      'Replace or delete these files, or raise data.maxBadFraction',
  );
}

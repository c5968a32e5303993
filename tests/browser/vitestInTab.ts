import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

/** Vitest's own expectations, in a page. */
export const { expect } = chai;

interface Collected {
  readonly name: string;
  readonly run: () => unknown;
}

const tests: Collected[] = [];
let prefix = '';

export function describe(name: string, define: () => void): void {
  const outer = prefix;
  prefix = `${prefix}${name} > `;
  define();
  prefix = outer;
}

export function it(name: string, run: () => unknown): void {
  tests.push({ name: prefix + name, run });
}

/** Runs what was collected; what failed, by name with its reason. */
export async function runCollected(): Promise<{ readonly passed: string[]; readonly failed: string[] }> {
  const [passed, failed]: [string[], string[]] = [[], []];
  for (const { name, run } of tests.splice(0)) {
    try {
      await run();
      passed.push(name);
    } catch (error) {
      failed.push(`${name}: ${(error as Error).stack ?? error}`);
    }
  }
  return { passed, failed };
}

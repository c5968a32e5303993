import { defineConfig } from 'vitest/config';

/** Tests of many minutes, which only `npm run test:kill`, `test:mutated`, `test:memory`, `test:machines`, `test:image`, `test:cluster`, `test:tab` and `test:studio` run. */
export default defineConfig({
  test: {
    include: ['tests/onDemand/*.onDemand.ts'],
    globalSetup: ['tests/buildOnce.ts'],
    testTimeout: 12 * 3_600_000,
    hookTimeout: 600_000,
    pool: 'forks',
    disableConsoleIntercept: true,
  },
});

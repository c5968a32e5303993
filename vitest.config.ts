import { defineConfig } from 'vitest/config';

/** Files that need a process of their own: they put something in the place of a module, or count what a library does in the process. */
const OWN_PROCESS = ['src/host/node/appendFileNode.test.ts', 'src/data/images/hostileImages.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['tests/systemPackages.ts', 'tests/buildOnce.ts'],
    // For scripts that load ONNX Runtime by themselves; all else says it in src/engine/noTelemetryNode.ts.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // Far beyond what any takes on an idle machine: a busy one is no fault of theirs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // Tests of browsers and of ranks wait more than they compute: four keep two cores busy.
    maxWorkers: 4,
    projects: [
      // Two hundred small files: a process for each takes as long as what they test.
      {
        extends: true,
        test: { name: 'units', include: ['src/**/*.test.ts'], exclude: OWN_PROCESS, isolate: false },
      },
      {
        extends: true,
        test: { name: 'whole', include: [...OWN_PROCESS, 'tests/**/*.test.ts', 'web/**/*.test.ts'] },
      },
    ],
  },
});

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'web/**/*.test.ts'],
    globalSetup: ['tests/systemPackages.ts', 'tests/buildOnce.ts'],
    // For scripts that load ONNX Runtime by themselves; all else says it in src/engine/noTelemetryNode.ts.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // Far beyond what any takes on an idle machine: a busy one is no fault of theirs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});

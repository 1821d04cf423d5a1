import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two processors: more workers only make the timings of tests about time worse.
    maxWorkers: 2,
    pool: 'forks',
  },
});

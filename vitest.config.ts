import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One at a time: programs that wait for the clock or race each other are compared with Linux as it runs them alone.
    maxWorkers: 1,
    pool: 'forks',
    // What one test leaves behind must not change what another tests.
    env: { KANMON_CACHE: 'off' },
  },
});

import { defineConfig } from 'vitest/config';
import { execArgv } from './test/exec-argv.ts';

/** Where .ci/run wants the counts; empty for people. */
const report = process.env.IGCNET_TEST_REPORT;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**'],
    testTimeout: 60_000,
    pool: 'forks',
    execArgv,
    maxWorkers: '100%',
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
});

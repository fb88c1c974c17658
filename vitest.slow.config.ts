import { defineConfig } from 'vitest/config';
import { execArgv } from './test/exec-argv.ts';

export default defineConfig({
  test: {
    include: [
      'test/slow/**/*.test.ts',
      'test/browser/*.test.ts',
      'test/train/{trainer,full-disk,kill}.test.ts',
    ],
    env: { IGCNET_THOROUGH: '1' },
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    pool: 'forks',
    execArgv,
    fileParallelism: false,
  },
});

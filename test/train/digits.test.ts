import path from 'node:path';
import { expect, it } from 'vitest';
import { loadNativeKernels } from '../../src/kernels/native.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { collect, temporaryFolder } from './small-run.ts';

const load = loadNativeKernels();
const noNative = 'reason' in load ? load.reason : '';

it.skipIf(noNative)(
  `the digits recipe reaches 97.5 % of the held-out fifth in a minute${noNative ? ` (${noNative})` : ''}`,
  async () => {
    const output = temporaryFolder();
    const config = resolveConfig('digits', { output, name: 'digits', threads: 2 });
    const { events, error } = await collect({ kind: 'new', config });
    expect(error).toBeUndefined();
    const done = events.at(-1);
    if (done?.kind !== 'done') throw new Error('the run did not end');
    expect(done.folder).toBe(path.join(output, 'digits'));
    expect(done.summary.testAccuracy).toBeGreaterThanOrEqual(97.5);
    expect(done.summary.wallMs).toBeLessThan(60_000);
  },
);

/** What native kernels tell of time: of the machine at its best, and of each step of a plan. */
import { describe, expect, it } from 'vitest';
import { type InstructionSet, machineMeter } from '../../src/kernels/native.ts';
import { initializeModel, makeModel, planModel } from '../../src/model/model.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { nativeSets, skippedSets } from './kernel-sets.ts';

for (const { name, reason } of skippedSets) console.warn(`skipped: ${name}, ${reason}`);

describe.skipIf(nativeSets.length === 0)('native kernels', () => {
  it.each(nativeSets)('$name measure the machine', ({ name }) => {
    const meter = machineMeter({ isa: name.slice(7) as InstructionSet, threads: 1 })!;
    const { fmaGflops, readGbytes, copyGbytes } = meter(5, 64);
    for (const rate of [fmaGflops, readGbytes, copyGbytes]) expect(rate).toBeGreaterThan(0);
    expect(Number.isFinite(fmaGflops + readGbytes + copyGbytes)).toBe(true);
    expect(meter(5, 0)).toMatchObject({ readGbytes: 0, copyGbytes: 0 });
  });

  it.each(nativeSets)(
    '$name tell how long each step took, together no more than the pass',
    (kernels) => {
      const input = { channels: 3, height: 8, width: 8 };
      const spec = namedNetwork({ net: 'IGC-L2M2', depth: 5, input, classes: 10 });
      const model = makeModel(spec, kernels);
      initializeModel(model, 0);
      const executor = kernels.instantiate(planModel(model, { batch: 4, training: true }), model);
      executor.setBatch(kernels.newArray(4 * 3 * 64), new Int32Array(4), 4);
      for (const pass of ['forward', 'backward'] as const) {
        const start = performance.now();
        if (pass === 'forward') executor.forward({ oldWeight: 0.9 });
        else executor.backward();
        const taken = performance.now() - start;
        const runs = executor.stepRuns!(pass);
        expect(runs).toHaveLength(executor.plan.steps.length);
        for (const { timeMs } of runs) expect(timeMs).toBeGreaterThan(0);
        expect(runs.reduce((sum, { timeMs }) => sum + timeMs, 0)).toBeLessThanOrEqual(taken);
      }
      executor.dispose();
    },
  );

  it.each(nativeSets)('$name cut every large step into work for 16 cores', (kernels) => {
    const input = { channels: 3, height: 32, width: 32 };
    for (const net of ['IGC-L24M2', 'IGC-L4M8', 'RegConv-W16']) {
      const model = makeModel(namedNetwork({ net, depth: 5, input, classes: 10 }), kernels);
      const executor = kernels.instantiate(planModel(model, { batch: 64, training: true }), model);
      for (const pass of ['forward', 'backward'] as const) {
        const few = executor.stepRuns!(pass).flatMap(({ tasks }, i) =>
          tasks < 16 ? [executor.plan.steps[i]!.path] : [],
        );
        // A layer of 10 outputs and its loss take no time.
        expect(few.filter((path) => path !== 'head/fc' && path !== 'loss')).toEqual([]);
      }
      executor.dispose();
    }
  });
});

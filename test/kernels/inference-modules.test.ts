/** The wasm modules for inference alone are the full ones without what training needs: the same bits. */
import { describe, expect, it } from 'vitest';
import { loadWasmKernels, wasmKernelSets } from '../../src/kernels/wasm.ts';
import { initializeModel, makeModel, planModel } from '../../src/model/model.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { cases } from './cases.ts';
import { wasmSets } from './kernel-sets.ts';
import { drawInputs, runTrial } from './trial.ts';
import { variantCases } from './variant-cases.ts';

const inference = wasmKernelSets({ threads: 1, inference: true }).available;
/** A loss needs the exponentials that these modules leave out. */
const trials = [...cases, ...variantCases].filter(
  ({ graph }) => graph.nodes.at(-1)?.op.kind !== 'softmaxCrossEntropy',
);

describe.each(wasmSets.map((full, i) => [full.name, full, inference[i]!] as const))(
  '%s',
  (_, full, part) => {
    it('has a part for inference', () => {
      expect(part.name).toBe(full.name.replace('wasm-', 'wasm-inference-'));
      expect(trials.length).toBeGreaterThan(100);
    });

    it('gives the same bits in all cases', () => {
      for (const trial of trials) {
        for (const fuse of [true, false]) {
          const inputs = drawInputs(trial, false);
          const options = { training: false, fuse };
          const [got, want] = [part, full].map((kernels) =>
            runTrial(trial, kernels, options, inputs),
          );
          expect(got, trial.name).toEqual(want);
        }
      }
    });
  },
);

it('refuses plans for training', () => {
  const load = loadWasmKernels({ threads: 1, inference: true });
  if ('reason' in load) throw new Error(load.reason);
  const input = { channels: 3, height: 8, width: 8 };
  const spec = namedNetwork({ net: 'IGC-L2M2', depth: 5, input, classes: 3 });
  const model = makeModel(spec, load.kernels);
  initializeModel(model, 1);
  const plan = planModel(model, { batch: 8, training: true, replicas: 1 });
  expect(() => load.kernels.instantiate(plan, model)).toThrow('internal: wasm-inference-');
});

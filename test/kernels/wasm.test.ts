/** What is particular to the wasm kernels: their files, their threads, and memory that ends at 4 GiB. */
import { execFileSync, spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { loadWasmKernels } from '../../src/kernels/wasm.ts';
import { wasmUse } from '../../src/kernels/wasm-kernels.ts';
import { wasmThreadsObstacle } from '../../src/kernels/wasm-variants.ts';
import { cases, conv, graphOf } from './cases.ts';
import { wasmSets } from './kernel-sets.ts';
import { type Case, drawInputs, planOf, runTrial } from './trial.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the committed modules are what the sources and their record say', () => {
  const { stderr } = spawnSync(process.execPath, ['scripts/build-wasm.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
});

test('both variants run here', () => {
  expect(wasmSets.map(({ name }) => name)).toEqual(['wasm-relaxed-simd', 'wasm-simd128']);
});

describe('what an engine lacks', () => {
  it.runIf(process.version.startsWith('v20.'))('is told for relaxed SIMD without its flag', () => {
    const script = `
      import { loadWasmKernels } from './dist/kernels/wasm.js';
      const reason = (variant) => loadWasmKernels({ variant, threads: 1 }).reason ?? 'runs';
      console.log(reason('relaxed-simd') + '\\n' + reason('simd128'));`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(out).toBe(
      'this engine has no relaxed SIMD (Node 20 has it with --experimental-wasm-relaxed-simd)\nruns\n',
    );
  });

  it('is told for threads in a page that is not cross-origin isolated', () => {
    expect(wasmThreadsObstacle()).toBeUndefined();
    Object.assign(globalThis, { crossOriginIsolated: false });
    try {
      expect(wasmThreadsObstacle()).toMatch(/^the page is not cross-origin isolated/);
    } finally {
      Reflect.deleteProperty(globalThis, 'crossOriginIsolated');
    }
  });
});

test('threads take part in the loops', async () => {
  const load = loadWasmKernels({ variant: 'simd128', threads: 2 });
  if ('reason' in load) throw new Error(load.reason);
  const { kernels } = load;
  const trial = cases.find(
    ({ name }) => name === 'a residual network of igc blocks in two replicas',
  )!;
  const inputs = drawInputs(trial, true);
  for (let i = 0; i < 1000 && wasmUse(kernels).sharedLoops === 0; i++) {
    runTrial(trial, kernels, { training: true, fuse: true }, inputs);
    await setTimeout(1);
  }
  expect(wasmUse(kernels).sharedLoops).toBeGreaterThan(0);
});

describe.each(wasmSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  it('says so when a plan does not fit into its 4 GiB, and goes on', () => {
    const trial: Case = {
      name: 'more than 4 GiB',
      graph: graphOf([1, 1024, 1024], (graph, x) => graph.add('conv', conv(800), x)),
      batch: 2,
    };
    const plan = planOf(trial, kernels, { training: false, fuse: true });
    const model = {
      parameters: kernels.newArray(plan.parameterSize),
      gradients: kernels.newArray(plan.parameterSize),
      momentum: kernels.newArray(plan.parameterSize),
      state: kernels.newArray(plan.stateSize),
    };
    const { bytes } = wasmUse(kernels);
    expect(() => kernels.instantiate(plan, model)).toThrow(
      'memory: not enough for this network and batch, choose a smaller batch (-b)',
    );
    expect(wasmUse(kernels).bytes).toBe(bytes);
    const small = cases[0]!;
    const inputs = drawInputs(small, true);
    expect(
      runTrial(small, kernels, { training: true, fuse: true }, inputs).get('output'),
    ).toBeDefined();
  });
});

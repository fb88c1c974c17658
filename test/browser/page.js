// Runs cases on wasm kernels in the page; the test compares what comes out with the reference.
import { fetchWasmKernels } from '/dist/kernels/wasm-browser.js';
import { wasmUse } from '/dist/kernels/wasm-kernels.js';

/** As in test/kernels/trial.ts: one forward and, in training, one backward. */
function runCase(kernels, { plan, inputs, oldWeight }) {
  const array = (values) => Float32Array.from(values);
  const model = {
    parameters: array(inputs.parameters),
    gradients: new Float32Array(plan.parameterSize).fill(Number.NaN),
    momentum: new Float32Array(plan.parameterSize),
    state: array(inputs.state),
  };
  const executor = kernels.instantiate(plan, model, { poison: true });
  const mix = inputs.partners && {
    partners: Int32Array.from(inputs.partners),
    weights: array(inputs.weights),
  };
  executor.setBatch(array(inputs.images), Int32Array.from(inputs.labels), plan.batch, mix);
  executor.forward({ oldWeight });
  const results = [['output', executor.output().slice()]];
  const hasLoss = plan.steps.at(-1).kind === 'loss';
  if (hasLoss) {
    results.push(['loss', [executor.loss()]], ['losses', executor.losses().slice()]);
  }
  if (plan.training) {
    if (!hasLoss) executor.writeGradient(plan.output, array(inputs.dOutput));
    executor.backward();
    results.push(['d input', executor.readGradient(plan.input)]);
    for (const { path, offset, size } of plan.parameters) {
      results.push([`d ${path}`, model.gradients.slice(offset, offset + size)]);
    }
  }
  for (const { path, channels, runningMean } of plan.batchNorms) {
    const end = runningMean + 2 * channels;
    results.push([`${path}/running`, model.state.slice(runningMean, end)]);
  }
  executor.dispose();
  return results.map(([name, values]) => [name, Array.from(values)]);
}

/** All cases on one kernel set; threads have begun when at least one loop was shared. */
window.runCases = async (variant, threads) => {
  const cases = await (await fetch('/cases.json')).json();
  const kernels = await fetchWasmKernels({ variant, threads });
  while (threads > 1 && wasmUse(kernels).sharedLoops === 0) {
    runCase(kernels, cases.at(-1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const results = cases.map((trial) => runCase(kernels, trial));
  const { name } = kernels;
  return JSON.stringify({ name, sharedLoops: wasmUse(kernels).sharedLoops, results });
};

/** Why kernels cannot be had here. */
window.refusal = async (variant, threads) => {
  try {
    await fetchWasmKernels({ variant, threads });
    return 'none';
  } catch (error) {
    return error.message;
  }
};
window.ready = true;

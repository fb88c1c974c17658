/**
 * One rank of MPI: takes steps with its part of every batch, and beside it the same steps alone with the whole batch in as many
 * replicas. Writes OUT.<rank>.json: a hash of the weights after every step, and how far the two gradients lie apart.
 * Started by mpirun: node steps.mjs OUT OVERLAP
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { stream } from '../../dist/core/random.js';
import { chooseKernels } from '../../dist/kernels/choose.js';
import { initializeModel, makeModel, planModel } from '../../dist/model/model.js';
import { namedNetwork } from '../../dist/spec/named-networks.js';
import { joinMpiTeam } from '../../dist/team/mpi-team.js';
import { gradientStep } from '../../dist/train/gradient-step.js';
import { makeStepTaker } from '../../dist/train/step-taker.js';

const [, , out, overlap] = process.argv;
const team = joinMpiTeam({ kind: 'mpi', timeoutMs: 20_000 });
const { rank, ranks } = team;
const { kernels } = chooseKernels({ kernels: 'auto', threads: 1 });
const input = { channels: 3, height: 16, width: 16 };
const spec = namedNetwork({ net: 'IGC-L24M2', depth: 20, input, classes: 10 });
const batch = 16 * ranks;
const sgd = (model) => ({
  ...{ learningRate: 0.1, momentum: 0.9, nesterov: true },
  decay: [{ offset: 0, size: model.parameters.length, factor: 1e-4 }],
});
const begin = (images, replicas) => {
  const model = makeModel(spec, kernels);
  initializeModel(model, 0);
  const plan = planModel(model, { batch: images, training: true, replicas });
  return { model, sgd: sgd(model), executor: kernels.instantiate(plan, model) };
};
const shared = begin(batch / ranks, 1);
const alone = begin(batch, ranks);
const stepTaker = makeStepTaker(shared, { team, overlap, isStopped: () => false });
const rates = { learningRate: 0.05, oldWeight: 0.9 };
const nmse = (got, want) => {
  let [error, power] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    error += (got[i] - want[i]) ** 2;
    power += want[i] ** 2;
  }
  return error / power;
};

const steps = [];
for (let step = 0; step < 24; step++) {
  const random = stream(step, 'made-up images');
  const images = Float32Array.from({ length: batch * 3 * 256 }, () => random.normal());
  const labels = Int32Array.from({ length: batch }, () => random.integer(10));
  const own = images.length / ranks;
  const part = {
    images: images.subarray(rank * own, (rank + 1) * own),
    labels: labels.subarray(rank * 16, (rank + 1) * 16),
    count: 16,
  };
  for (const name of ['parameters', 'momentum', 'state']) {
    alone.model[name].set(shared.model[name]); // so that rounding does not add up over the steps
  }
  team.step = step + 1;
  const outcome = stepTaker.take(shared.executor, part, rates);
  const loss = gradientStep(alone, { images, labels, count: batch }, rates);
  const { parameters, momentum, state } = shared.model;
  const hash = createHash('sha256');
  for (const values of [parameters, momentum, state]) hash.update(new Uint8Array(values.buffer));
  steps.push({
    hash: hash.digest('hex'),
    gradient: nmse(shared.model.gradients, alone.model.gradients),
    running: nmse(state, alone.model.state),
    loss: Math.abs(outcome.loss - loss),
    images: outcome.images,
  });
}
team.close();
writeFileSync(`${out}.${rank}.json`, JSON.stringify({ library: team.library, steps }));

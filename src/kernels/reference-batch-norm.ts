/**
 * Batch norm of the reference kernels: statistics per replica, one update of the running averages,
 * and backward. The values x that it normalises are a tensor read through `view`: raw where the
 * batch norm is itself part of the tensor's view, view(in) for a step of its own. Letters: n values
 * per channel and replica.
 */
import { imagesPerReplica, type Tensor, type TensorView } from '../plan/plan.ts';
import {
  type BatchStatistics,
  planeSize,
  type Run,
  readGradientPlane,
  readPlane,
  replicaOf,
} from './reference-run.ts';

/** Room for the numbers of a batch norm. */
export function newStatistics(channels: number, replicas: number): BatchStatistics {
  const numbers = () => new Float64Array(replicas * channels);
  return {
    mean: numbers(),
    inverseDeviation: numbers(),
    scale: numbers(),
    shift: numbers(),
    sumD: numbers(),
    sumDX: numbers(),
  };
}

/** Inference: every batch norm's scale and shift from its running averages. */
export function useRunningAverages(run: Run): void {
  const { plan, model } = run;
  for (const [index, bn] of plan.batchNorms.entries()) {
    for (let replica = 0; replica < plan.replicas; replica++) {
      for (let c = 0; c < bn.channels; c++) {
        const mean = model.state[bn.runningMean + c]!;
        setScale(run, index, replica, c, mean, model.state[bn.runningVariance + c]!);
      }
    }
  }
}

/**
 * Training: mean and biased variance of x per replica and channel (two passes, in order of images),
 * then running ← oldWeight·running + (1 − oldWeight)·(mean over replicas), the variance taken
 * unbiased, n/(n − 1).
 *
 * @source docs/paper.md, "Ours"; MXNet's data parallelism has the same per-device statistics
 */
export function takeStatistics(run: Run, index: number, tensor: Tensor, view: TensorView): void {
  const { plan, model, oldWeight } = run;
  const bn = plan.batchNorms[index]!;
  const images = imagesPerReplica(plan);
  const n = images * planeSize(tensor);
  for (let c = 0; c < bn.channels; c++) {
    let meanOfMeans = 0;
    let meanOfVariances = 0;
    for (let replica = 0; replica < plan.replicas; replica++) {
      const mean = sumOverImages(run, tensor, view, replica, c, 0, 1) / n;
      const variance = sumOverImages(run, tensor, view, replica, c, mean, 2) / n;
      setScale(run, index, replica, c, mean, variance);
      meanOfMeans += mean / plan.replicas;
      meanOfVariances += (variance * n) / (n - 1) / plan.replicas;
    }
    const keep = (at: number, value: number) => {
      model.state[at] = oldWeight * model.state[at]! + (1 - oldWeight) * value;
    };
    keep(bn.runningMean + c, meanOfMeans);
    keep(bn.runningVariance + c, meanOfVariances);
  }
}

/** Σ (x − origin)^power over one channel of one replica's images. */
function sumOverImages(
  run: Run,
  tensor: Tensor,
  view: TensorView,
  replica: number,
  channel: number,
  origin: number,
  power: 1 | 2,
): number {
  const { plane } = run;
  const images = imagesPerReplica(run.plan);
  const size = planeSize(tensor);
  let sum = 0;
  for (let image = replica * images; image < (replica + 1) * images; image++) {
    readPlane(run, tensor, view, image, channel, plane);
    if (power === 1) {
      for (let i = 0; i < size; i++) sum += plane[i]! - origin;
    } else {
      for (let i = 0; i < size; i++) sum += (plane[i]! - origin) * (plane[i]! - origin);
    }
  }
  return sum;
}

function setScale(
  run: Run,
  index: number,
  replica: number,
  channel: number,
  mean: number,
  variance: number,
): void {
  const { parameters } = run.model;
  const { channels, epsilon, gamma, beta } = run.plan.batchNorms[index]!;
  const { mean: means, inverseDeviation, scale, shift } = run.statistics[index]!;
  const at = replica * channels + channel;
  means[at] = mean;
  inverseDeviation[at] = 1 / Math.sqrt(variance + epsilon);
  scale[at] = parameters[gamma + channel]! * inverseDeviation[at]!;
  shift[at] = parameters[beta + channel]! - mean * scale[at]!;
}

/**
 * Σ dy and Σ dy·x̂ per replica, dy the gradient slot of `output`; writes dγ = Σ dy·x̂ and dβ = Σ dy
 * over all replicas.
 */
export function takeGradientSums(
  run: Run,
  index: number,
  input: Tensor,
  view: TensorView,
  output: Tensor,
): void {
  const { plan, model, plane, dPlane } = run;
  const { channels, gamma, beta } = plan.batchNorms[index]!;
  const { mean, inverseDeviation, sumD, sumDX } = run.statistics[index]!;
  const size = planeSize(input);
  sumD.fill(0);
  sumDX.fill(0);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < channels; c++) {
      const at = replicaOf(run, image) * channels + c;
      readPlane(run, input, view, image, c, plane);
      readGradientPlane(run, output, image, c);
      let d = 0;
      let dx = 0;
      for (let i = 0; i < size; i++) {
        d += dPlane[i]!;
        dx += dPlane[i]! * (plane[i]! - mean[at]!);
      }
      sumD[at]! += d;
      sumDX[at]! += dx * inverseDeviation[at]!;
    }
  }
  for (let c = 0; c < channels; c++) {
    let dGamma = 0;
    let dBeta = 0;
    for (let replica = 0; replica < plan.replicas; replica++) {
      dGamma += sumDX[replica * channels + c]!;
      dBeta += sumD[replica * channels + c]!;
    }
    model.gradients[gamma + c] = dGamma;
    model.gradients[beta + c] = dBeta;
  }
}

/**
 * `run.dPlane` ← dx = scale·(dy − Σdy/n − x̂·Σdy·x̂/n) for one channel of one image, after
 * `takeGradientSums`.
 */
export function readInputGradientPlane(
  run: Run,
  index: number,
  input: Tensor,
  view: TensorView,
  output: Tensor,
  image: number,
  channel: number,
): void {
  const { plan, plane, dPlane } = run;
  const { mean, inverseDeviation, scale, sumD, sumDX } = run.statistics[index]!;
  const size = planeSize(input);
  const n = imagesPerReplica(plan) * size;
  const at = replicaOf(run, image) * input.channels + channel;
  const origin = mean[at]!;
  const factor = scale[at]!;
  const perValue = sumD[at]! / n;
  const perDeviation = (inverseDeviation[at]! * sumDX[at]!) / n;
  readPlane(run, input, view, image, channel, plane);
  readGradientPlane(run, output, image, channel);
  for (let i = 0; i < size; i++) {
    dPlane[i] = factor * (dPlane[i]! - perValue - (plane[i]! - origin) * perDeviation);
  }
}

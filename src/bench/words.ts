/** How the bench's figures are written: rates, latencies, peers, goals. */
import type { Goal } from './rows.ts';
import type { Rate } from './timing.ts';

const peerTitles: Readonly<Record<string, string>> = {
  torch: 'PyTorch',
  'onnxruntime-node': 'ONNX Runtime',
  'onnxruntime-web': 'ONNX Runtime Web',
  'jax-js': 'jax-js',
  openvino: 'OpenVINO',
  litert: 'LiteRT',
};

/** `torch/2.13.0+cpu/compiled` as `PyTorch 2.13.0+cpu, compiled`. */
export function peerText(who: string): string {
  const [name = who, version, layout] = who.split('/');
  const title = peerTitles[name] ?? name;
  return `${title}${version ? ` ${version}` : ''}${layout ? `, ${layout}` : ''}`;
}

/** Images per second with their spread; at batch 1, milliseconds. */
export function rateText({ median, slowest, fastest }: Rate, batch: number): string {
  if (batch === 1) {
    const ms = (rate: number) => significant(1000 / rate);
    return `${ms(median)} ms (${ms(slowest)} to ${ms(fastest)})`;
  }
  const whole = (rate: number) => significant(rate);
  return `${whole(median)} img/s (${whole(slowest)} to ${whole(fastest)})`;
}

/** Three significant digits, whole numbers from 100. */
export function significant(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

/** `≥ 8× PyTorch`, and a figure in the same words. */
export function goalText(goal: Goal): string {
  switch (goal.figure) {
    case 'ratio': {
      const of = goal.layout === undefined ? '' : `, ${goal.layout}`;
      return `≥ ${goal.atLeast}× ${peerText(goal.peer)}${of}`;
    }
    case 'shareOfPeak':
      return `≥ ${percent(goal.atLeast)} of peak`;
    case 'timeRatio':
      return `≤ ${goal.atMost} of the time`;
    case 'scaling':
      return `≥ ${goal.atLeast} of the FMA peak’s scaling`;
    case 'memoryShare':
      return `≤ ${goal.atMost} of PyTorch’s`;
  }
}

/** A measured figure of a goal. */
export function figureText(goal: Goal, value: number): string {
  if (goal.figure === 'ratio') return `${significant(value)}×`;
  return goal.figure === 'shareOfPeak' ? percent(value) : value.toFixed(2);
}

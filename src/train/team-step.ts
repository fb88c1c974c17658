/**
 * A step of training by a team: every rank has an equal part of the batch, and gradients, running averages and what is
 * counted are averaged over the ranks by one sequence of sums. So all ranks make the same update of the same weights.
 *
 * g = (1/N) Σ_r g_r, with g_r the gradient of the mean loss over rank r's part; the same as one process with as many
 * `replicas` computes. Sums are taken in parts, the last layers' first, whether they overlap backward or follow it, so that the
 * choice changes no bit.
 */

import type { Executor, RealArray } from '../kernels/contract.ts';
import type { Model } from '../model/model.ts';
import { type GradientPart, gradientParts } from '../plan/gradient-parts.ts';
import type { Plan } from '../plan/plan.ts';
import type { SharedNumbers, Team } from '../team/team.ts';
import type { Stepped, StepRates } from './gradient-step.ts';
import { type OverlapChoice, overlapChoice } from './overlap-choice.ts';
import type { StepOutcome, StepTaker, StepTakerOptions } from './step-taker.ts';
import { countCorrect } from './tally.ts';

/** Whether gradients are summed while backward goes on; `auto` tries both and takes the faster. */
export const overlaps = ['auto', 'on', 'off'] as const;
export type Overlap = (typeof overlaps)[number];

/** Gradients in a part at least: 128 KiB of them, of which a message's own cost is a tenth on a fast network. */
const leastPart = 2 ** 15;

// What is counted, behind gradients and running averages.
const [lossSum, correctSum, stopSum] = [0, 1, 2];
const counters = 3;

export function teamStepTaker(
  { model, sgd }: Omit<Stepped, 'executor'>,
  { team, overlap, isStopped }: StepTakerOptions,
): StepTaker {
  const exchange = makeExchange(model, team);
  const choice = overlapChoice(overlap, team);
  const { counted } = exchange;
  let isStopAgreed = false;
  return {
    isStopped: () => isStopAgreed,
    take(executor, batch, { learningRate, oldWeight }: StepRates): StepOutcome {
      const { images, labels, count, mix } = batch;
      const began = performance.now();
      executor.setBatch(images, labels, count, mix);
      executor.forward({ oldWeight });
      counted[lossSum] = executor.loss() * count;
      counted[correctSum] = countCorrect(executor.output(), labels, count, model.spec.classes);
      counted[stopSum] = Number(isStopped());
      exchange.average(executor, choice);
      choice.took(performance.now() - began);
      const all = count * team.ranks;
      const loss = counted[lossSum] / all;
      isStopAgreed = counted[stopSum] > 0;
      if (Number.isFinite(loss)) {
        exchange.takeOver();
        sgd.learningRate = learningRate;
        model.kernels.updateSgd(model, sgd);
      }
      return { loss, correct: counted[correctSum], images: all };
    },
  };
}

interface Exchange {
  /** Sums that the ranks add their own to, in place. */
  readonly counted: RealArray;
  /** Runs backward and averages over the ranks. */
  average(executor: Executor, choice: OverlapChoice): void;
  /** Gives the model the averages: its gradients and running averages. */
  takeOver(): void;
}

/** Memory: gradients, running averages, counters; the first message has the last two with the last gradients. */
function makeExchange({ gradients, state, kernels }: Model, team: Team): Exchange {
  const [gradientEnd, stateEnd] = [gradients.length, gradients.length + state.length];
  const shared = newShared(kernels.arithmetic, stateEnd + counters);
  const messages = new Map<Plan, readonly Message[]>();
  const share = 1 / team.ranks;
  const messagesOf = (plan: Plan) => {
    const known = messages.get(plan);
    if (known !== undefined) return known;
    const made = gradientParts(plan, leastPart).map((part, i): Message => {
      const end = i === 0 ? shared.length : part.offset + part.size;
      return { ...part, values: shared.subarray(part.offset, end) };
    });
    messages.set(plan, made);
    return made;
  };
  const send = ({ offset, size, values }: Message) => {
    scaleInto(shared, gradients, { offset, size, factor: share });
    team.startSum(values, 'the gradients');
  };
  return {
    counted: shared.subarray(stateEnd),
    average(executor, choice) {
      const parts = messagesOf(executor.plan);
      for (let i = 0; i < state.length; i++) shared[gradientEnd + i] = share * state[i]!;
      const overlaps = choice.isOverlapping(parts.length);
      const isLost = !Number.isFinite(shared[stateEnd + lossSum]); // then nobody will use the gradients
      if (!overlaps && !isLost) executor.backward();
      for (const part of parts) {
        if (overlaps && !isLost) executor.backward(part.from, part.to);
        send(part);
      }
      team.finishSums();
    },
    takeOver() {
      gradients.set(shared.subarray(0, gradientEnd));
      state.set(shared.subarray(gradientEnd, stateEnd));
    },
  };
}

/** A part of backward, and what is then sent. */
interface Message extends GradientPart {
  readonly values: SharedNumbers;
}

function newShared(arithmetic: 'float32' | 'float64', length: number): SharedNumbers {
  return arithmetic === 'float64'
    ? new Float64Array(new SharedArrayBuffer(8 * length))
    : new Float32Array(new SharedArrayBuffer(4 * length));
}

/** out[i] = factor·values[i] for `size` values from `offset`. */
function scaleInto(
  out: RealArray,
  values: RealArray,
  { offset, size, factor }: { offset: number; size: number; factor: number },
): void {
  for (let i = offset; i < offset + size; i++) out[i] = factor * values[i]!;
}

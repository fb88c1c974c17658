/** How the trainer takes a step: alone, or with a team whose ranks have a part of every batch each. */
import type { Batch } from '../data/batches/batches.ts';
import type { Executor } from '../kernels/contract.ts';
import type { Team } from '../team/team.ts';
import { gradientStep, type Stepped, type StepRates } from './gradient-step.ts';
import { countCorrect } from './tally.ts';
import { type Overlap, teamStepTaker } from './team-step.ts';

/** What came of a batch, of all its images wherever they were computed. */
export interface StepOutcome {
  /** Mean over the images; not finite when the step was not taken. */
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
}

export interface StepTaker {
  take(executor: Executor, batch: Batch, rates: StepRates): StepOutcome;
  /** Asked before every step; the same on all ranks. */
  isStopped(): boolean;
}

/** What steps are taken with. */
export interface StepTakerOptions {
  readonly team: Team;
  readonly overlap: Overlap;
  /** Whether this process was asked to stop. */
  readonly isStopped: () => boolean;
}

export function makeStepTaker(
  stepped: Omit<Stepped, 'executor'>,
  options: StepTakerOptions,
): StepTaker {
  const { team, isStopped } = options;
  if (team.ranks > 1) return teamStepTaker(stepped, options);
  const { classes } = stepped.model.spec;
  return {
    isStopped,
    take(executor, batch, rates) {
      const loss = gradientStep({ ...stepped, executor }, batch, rates);
      const { labels, count } = batch;
      const correct = countCorrect(executor.output(), labels, count, classes);
      return { loss, correct, images: count };
    },
  };
}

/**
 * The training loop: synchronous, allocating nothing in a step, a generator of events. It takes everything it
 * needs ready-made (trainer-parts.ts) and owns the run's progress; who runs it in which thread is not its
 * business.
 */
import { complain, IgcError, internalError } from '../core/errors.ts';
import { checkSame } from './agreement.ts';
import { type CheckpointName, checkpointFolder, type TrainState } from './checkpoint.ts';
import { divergedError, firstBadValue, firstOffender } from './diverged.ts';
import type { Evaluator } from './evaluate.ts';
import type { CheckpointEvent, MetricsRow, RunSummary, StepEvent, TrainEvent } from './events.ts';
import { averageWeightAt, isStoppedEarly, learningRateAt, oldWeightAt } from './schedule.ts';
import { summarizeRun } from './summary.ts';
import { percentOf } from './tally.ts';
import { executorAt, rankValues, type TrainerParts } from './trainer-parts.ts';
import { updateAverage } from './weight-average.ts';

/** A state that is written to, as the run goes on. */
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object | null ? Mutable<T[K]> : T[K] };

interface Progress {
  readonly state: Mutable<TrainState>;
  /** Rows of metrics.jsonl. */
  readonly rows: MetricsRow[];
  /** The last checkpoint on the disk. */
  checkpoint: { folder: string; epoch: number; step: number };
  /** Time and steps of this session, for estimates. */
  readonly session: {
    readonly startedAt: number;
    readonly wallMsBefore: number;
    trainMs: number;
    steps: number;
    lastEvalMs: number;
    lastEventAt: number;
  };
}

/**
 * Trains from `parts.state` to the last epoch, yielding events, and writes metrics, checkpoints and summary.
 *
 * Throws `interrupted` after a checkpoint when `parts.isStopped` says so, and `diverged` at a loss or a weight
 * that is not finite.
 */
export function* trainEpochs(parts: TrainerParts): Generator<TrainEvent, RunSummary> {
  const { config, folder, stepsPerEpoch, stepTaker, journal, team } = parts;
  const progress = beginProgress(parts);
  const { state } = progress;
  team.step = state.step;
  if (state.step === 0) yield saveCheckpoint(parts, progress, 'last');
  while (state.epoch < config.epochs && !isStoppedEarly(config.earlyStopping, progress.rows)) {
    while (state.stepInEpoch < stepsPerEpoch) {
      if (stepTaker.isStopped()) yield* interrupt(parts, progress);
      const event = takeStep(parts, progress);
      if (event) yield event;
      const due = config.checkpointSteps > 0 && state.step % config.checkpointSteps === 0;
      if (due && state.stepInEpoch < stepsPerEpoch) yield saveCheckpoint(parts, progress, 'last');
    }
    yield* finishEpoch(parts, progress);
  }
  state.time.wallMs = wallMs(progress);
  const summary = summarizeRun(parts, state, progress.rows);
  journal.summary(summary);
  yield { kind: 'done', folder, summary };
  return summary;
}

function beginProgress({ state, rows, folder }: TrainerParts): Progress {
  return {
    state: structuredClone(state),
    rows: [...rows],
    checkpoint: {
      folder: checkpointFolder(folder, 'last'),
      epoch: state.epoch,
      step: state.step,
    },
    session: {
      startedAt: performance.now(),
      wallMsBefore: state.time.wallMs,
      trainMs: 0,
      steps: 0,
      lastEvalMs: 0,
      lastEventAt: Number.NEGATIVE_INFINITY,
    },
  };
}

/** One batch: forward, backward, update; an event when one is due. */
function takeStep(parts: TrainerParts, progress: Progress): StepEvent | undefined {
  const { config, model, average, source, stepTaker, team, stepsPerEpoch } = parts;
  const { state, session } = progress;
  const began = performance.now();
  const waitedBefore = source.waitedMs;
  const batch = source.next();
  const { epoch, step } = batch;
  if (epoch !== state.epoch || step !== state.stepInEpoch) {
    throw internalError(`batch ${epoch}/${step} came for step ${state.epoch}/${state.stepInEpoch}`);
  }
  team.step = state.step + 1;
  const { loss, correct, images } = stepTaker.take(executorAt(parts, epoch), batch, {
    learningRate: learningRateAt(config, state.step, stepsPerEpoch),
    oldWeight: oldWeightAt(config.bn, state.step),
  });
  if (!Number.isFinite(loss)) throw diverged(parts, progress, 'the loss', loss);
  if (average && config.ema) updateAverage(average, model, averageWeightAt(config.ema, state.step));
  state.sums.loss += loss * images;
  state.sums.correct += correct;
  state.sums.images += images;
  state.step++;
  state.stepInEpoch++;
  const now = performance.now();
  const { time } = state;
  time.trainMs += now - began;
  time.epochTrainMs += now - began;
  time.waitedMs += source.waitedMs - waitedBefore;
  time.epochWaitedMs += source.waitedMs - waitedBefore;
  time.images += images;
  session.trainMs += now - began;
  session.steps++;
  if (now - session.lastEventAt < parts.stepEventMs) return undefined;
  session.lastEventAt = now;
  return stepEvent(parts, progress, loss);
}

function stepEvent(parts: TrainerParts, { state, session }: Progress, loss: number): StepEvent {
  const { config, stepsPerEpoch, sgd } = parts;
  const { sums, time } = state;
  const steps = config.epochs * stepsPerEpoch;
  const evaluations = Math.ceil((config.epochs - state.epoch) / config.evalEvery);
  const msPerStep = session.trainMs / session.steps;
  return {
    kind: 'step',
    epoch: state.epoch + 1,
    epochs: config.epochs,
    stepInEpoch: state.stepInEpoch,
    stepsPerEpoch,
    step: state.step,
    steps,
    learningRate: sgd.learningRate,
    loss,
    trainLoss: sums.loss / sums.images,
    trainAccuracy: percentOf(sums.correct, sums.images),
    imagesPerSecond: (1000 * sums.images) / time.epochTrainMs,
    waitedMs: time.waitedMs,
    remainingMs: (steps - state.step) * msPerStep + evaluations * session.lastEvalMs,
  };
}

/** Evaluates, writes the row of metrics and the checkpoints, and turns to the next epoch. */
function* finishEpoch(parts: TrainerParts, progress: Progress): Generator<TrainEvent> {
  const { config, journal } = parts;
  const { state, session } = progress;
  const epoch = state.epoch + 1;
  checkFinite(parts, progress);
  for (const [what, values] of rankValues(parts)) {
    checkSame(parts.team, what, values, 'this is a bug, or a broken machine');
  }
  const evaluated = epoch === config.epochs || epoch % config.evalEvery === 0;
  const began = performance.now();
  const results = evaluated ? runEvaluations(parts) : {};
  if (results === undefined) return yield* interrupt(parts, progress);
  const evalMs = performance.now() - began;
  if (evaluated) session.lastEvalMs = evalMs;
  for (const loss of [results.validationLoss, results.testLoss]) {
    if (loss !== undefined && !Number.isFinite(loss)) {
      throw diverged(parts, progress, 'the loss of the evaluation', loss);
    }
  }
  const row = makeRow(parts, progress, results, evalMs);
  const isBest = noteBest(state, row);
  state.epoch = epoch;
  state.stepInEpoch = 0;
  state.sums = { loss: 0, correct: 0, images: 0 };
  state.time.epochTrainMs = 0;
  state.time.epochWaitedMs = 0;
  progress.rows.push(row);
  if (isBest) yield saveCheckpoint(parts, progress, 'best');
  // The row before the checkpoint: whatever a kill leaves, no checkpoint is without its row.
  journal.row(row);
  yield { kind: 'epoch', epochs: config.epochs, row, best: isBest };
  const isLast = epoch === config.epochs || isStoppedEarly(config.earlyStopping, progress.rows);
  if (isLast || epoch % config.checkpointEvery === 0) {
    yield saveCheckpoint(parts, progress, 'last');
  }
}

type EvaluationResults = Pick<
  MetricsRow,
  'validationLoss' | 'validationAccuracy' | 'testLoss' | 'testAccuracy'
>;

/** Undefined when stopped in between; the epoch's end is then repeated by the resumed run. */
function runEvaluations({ evaluators, isStopped }: TrainerParts): EvaluationResults | undefined {
  const run = (evaluator: Evaluator) => evaluator.run(isStopped);
  const validation = evaluators.validation && run(evaluators.validation);
  if (evaluators.validation && !validation) return undefined;
  const test = run(evaluators.test);
  if (!test) return undefined;
  return {
    ...(validation && {
      validationLoss: validation.loss,
      validationAccuracy: validation.top1,
    }),
    testLoss: test.loss,
    testAccuracy: test.top1,
  };
}

function makeRow(
  { sgd, config, stepsPerEpoch }: TrainerParts,
  { state }: Progress,
  results: EvaluationResults,
  evalMs: number,
): MetricsRow {
  const { sums, time, epoch, step } = state;
  sgd.learningRate = learningRateAt(config, step - 1, stepsPerEpoch);
  return {
    epoch: epoch + 1,
    step,
    learningRate: sgd.learningRate,
    trainLoss: sums.loss / sums.images,
    trainAccuracy: percentOf(sums.correct, sums.images),
    ...results,
    time: {
      at: new Date().toISOString(),
      imagesPerSecond: (1000 * sums.images) / time.epochTrainMs,
      trainMs: time.epochTrainMs,
      evalMs,
      waitedMs: time.epochWaitedMs,
    },
  };
}

/** Is the row's epoch better than all before, on validation images where there are some? */
function noteBest(state: Mutable<TrainState>, row: MetricsRow): boolean {
  const { epoch, testAccuracy } = row;
  const accuracy = row.validationAccuracy ?? testAccuracy;
  if (accuracy === undefined || testAccuracy === undefined) return false;
  if (state.best !== null && accuracy <= state.best.accuracy) return false;
  state.best = { epoch, accuracy, testAccuracy };
  return true;
}

function saveCheckpoint(
  parts: TrainerParts,
  progress: Progress,
  which: CheckpointName,
): CheckpointEvent {
  const { state } = progress;
  checkFinite(parts, progress);
  state.time.wallMs = wallMs(progress);
  const folder = checkpointFolder(parts.folder, which);
  parts.journal.checkpoint(which, state);
  const { epoch, step } = state;
  if (which === 'last') progress.checkpoint = { folder, epoch, step };
  return { kind: 'checkpoint', which, folder, epoch, step };
}

/** Keeps the last good checkpoint from being replaced by a bad one. */
function checkFinite(parts: TrainerParts, progress: Progress): void {
  const bad = firstBadValue(parts.model);
  if (bad !== undefined) throw diverged(parts, progress, 'every weight', bad);
}

function diverged(
  parts: TrainerParts,
  { state, checkpoint }: Progress,
  what: string,
  got: number | string,
): Error {
  const firstPath =
    typeof got === 'number'
      ? firstOffender(parts.model, executorAt(parts, state.epoch))
      : undefined;
  const { step, epoch } = state;
  return divergedError({ what, got, step, epoch: epoch + 1, firstPath, checkpoint });
}

/** Writes a checkpoint of this very step and throws. */
function* interrupt(parts: TrainerParts, progress: Progress): Generator<TrainEvent, never> {
  yield saveCheckpoint(parts, progress, 'last');
  const { epoch, step } = progress.state;
  const by = parts.stoppedBy?.();
  throw new IgcError(
    'interrupted',
    complain({
      path: parts.folder,
      rule: `stopped${by === undefined ? '' : ` by ${by}`} in epoch ${epoch + 1} after step ${step}`,
      hint: `go on with --resume ${parts.folder}`,
    }),
  );
}

function wallMs({ session }: Progress): number {
  return session.wallMsBefore + performance.now() - session.startedAt;
}

/**
 * An experiment as seen on a terminal: a line that stays for each run that begins or ends, and one that rewrites itself
 * with what is going on. Where stderr is no terminal, a line for every epoch instead.
 */
import { holderText } from '../core/lock-holder.ts';
import type { ExperimentEvent, Place } from '../experiment/run-experiment.ts';
import type { PlannedRun } from '../experiment/run-plan.ts';
import type { StepEvent, TrainEvent } from '../train/events.ts';
import { makeLiveLine, type ProgressOutput } from './live-line.ts';
import {
  formatClock,
  formatCounted,
  formatDuration,
  formatPercent,
  paletteFor,
  warningText,
} from './terminal.ts';

export interface ExperimentProgress {
  show(event: ExperimentEvent): void;
  /** A line that stays. */
  line(text: string): void;
  /** Removes the live line. */
  finish(): void;
}

export function makeExperimentProgress(
  output: ProgressOutput,
  env: NodeJS.ProcessEnv = process.env,
): ExperimentProgress {
  const { isLive, line, rewrite, finish } = makeLiveLine(output, env);
  const { bold, red } = paletteFor({ isTTY: isLive }, env);
  /** Where each run that is going on stands in the list, and its last step. */
  const places = new Map<string, Place>();
  const steps = new Map<string, StepEvent>();
  const showSteps = () => {
    const texts = [...steps].map(([id, step]) => `${placeText(places.get(id)!)} ${stepText(step)}`);
    rewrite(texts.join('  ·  '));
  };
  const train = (run: PlannedRun, event: TrainEvent) => {
    if (event.kind === 'warning') return line(`${run.label}: ${warningText(event.message)}`);
    if (event.kind === 'step') steps.set(run.id, event);
    if (event.kind === 'step') showSteps();
    if (event.kind === 'epoch' && !isLive) line(`${run.label}: ${epochText(event)}`);
  };
  return {
    line,
    finish,
    show(event) {
      switch (event.kind) {
        case 'plan': {
          const { runs, todo } = event;
          return line(`${formatCounted(runs, 'run')}: ${runs - todo} done, ${todo} to do`);
        }
        case 'begin': {
          places.set(event.run.id, event.place);
          return line(`${placeText(event.place)} ${bold(event.run.label)}`);
        }
        case 'wait':
          return line(
            `${event.run.label}: ${holderText(event.holder)} trains it; it is done here if that one leaves it`,
          );
        case 'train':
          return train(event.run, event.event);
        case 'end': {
          steps.delete(event.run.id);
          const { kind } = event.end;
          const text = endText(event);
          return line(kind === 'diverged' || kind === 'failed' ? red(text) : text);
        }
      }
    },
  };
}

function endText({ run, place, end, record }: Extract<ExperimentEvent, { kind: 'end' }>): string {
  const begin = `${placeText(place)} ${run.label}:`;
  if (end.kind === 'diverged' || end.kind === 'failed')
    return `${begin} ${end.kind}: ${end.message}`;
  if (end.kind === 'stopped') return `${begin} stopped after epoch ${record.epochs}`;
  const { testAccuracy = Number.NaN, wallMs = 0 } = record.summary ?? {};
  return `${begin} test ${formatPercent(testAccuracy)} in ${formatDuration(wallMs)}`;
}

function placeText({ index, of }: Place): string {
  return `[${index}/${of}]`;
}

function epochText({ row, epochs }: Extract<TrainEvent, { kind: 'epoch' }>): string {
  const { epoch, trainLoss, testAccuracy } = row;
  const test = testAccuracy === undefined ? '' : `, test ${formatPercent(testAccuracy)}`;
  return `epoch ${epoch}/${epochs}, loss ${trainLoss.toFixed(4)}${test}`;
}

function stepText({ epoch, epochs, trainLoss, remainingMs, imagesPerSecond }: StepEvent): string {
  const rate = Math.round(imagesPerSecond).toLocaleString('en-US');
  return `epoch ${epoch}/${epochs}  loss ${trainLoss.toFixed(4)}  ${rate} images/s  ${formatClock(remainingMs)} left`;
}

/**
 * Training as seen on a terminal: one line that rewrites itself, and one line an epoch that stays. Where stderr is
 * no terminal only the lines that stay are written.
 */

import type { EpochEvent, StartEvent, StepEvent } from '../train/events.ts';
import { networkName } from '../train/network-choice.ts';
import { makeLiveLine, type ProgressOutput } from './live-line.ts';
import {
  formatClock,
  formatDuration,
  formatPercent,
  type Palette,
  paletteFor,
  shortPath,
} from './terminal.ts';

export interface Progress {
  start(event: StartEvent): void;
  step(event: StepEvent): void;
  epoch(event: EpochEvent): void;
  /** A line that stays, above the live one. */
  line(text: string): void;
  /** Removes the live line. */
  finish(): void;
}

const barWidth = 16;

/** Progress on `output` (stderr, in general). */
export function makeProgress(
  output: ProgressOutput,
  env: NodeJS.ProcessEnv = process.env,
): Progress {
  const { isLive, line, rewrite, finish } = makeLiveLine(output, env);
  const palette = paletteFor({ isTTY: isLive }, env);
  return {
    line,
    finish,
    start: (event) => {
      for (const text of startLines(event, palette)) line(text);
    },
    step: (event) => rewrite(stepText(event)),
    epoch: (event) => line(epochText(event, palette)),
  };
}

function startLines(event: StartEvent, palette: Palette): readonly string[] {
  const { config, dataset, kernels } = event;
  const count = (value: number) => value.toLocaleString('en-US');
  const held =
    dataset.validationImages > 0 ? `, ${count(dataset.validationImages)} validation` : '';
  const resumed = event.resumed
    ? [`resuming after epoch ${event.resumed.epoch} (step ${count(event.resumed.step)})`]
    : [];
  const threads = `${kernels.threads} thread${kernels.threads === 1 ? '' : 's'}`;
  return [
    `network   ${palette.bold(`${networkName(config)}, depth ${config.depth}`)}: ${count(event.params)} parameters, ${count(event.macs)} multiply-adds an image`,
    `data      ${dataset.name}: ${count(dataset.trainImages)} training${held}, ${count(dataset.testImages)} test images, ${dataset.classes.length} classes`,
    `training  ${count(config.epochs)} epoch${config.epochs === 1 ? '' : 's'} of ${count(event.stepsPerEpoch)} steps with ${count(event.batchSize)} images`,
    `kernels   ${kernels.name}, ${threads}`,
    `run       ${shortPath(event.folder)}`,
    ...resumed,
    ...(event.initial === undefined ? [] : [event.initial]),
  ];
}

function stepText(event: StepEvent): string {
  const share = event.stepInEpoch / event.stepsPerEpoch;
  return [
    `epoch ${event.epoch}/${event.epochs}`,
    `${bar(share)} ${String(Math.floor(100 * share)).padStart(3)}%`,
    `loss ${event.trainLoss.toFixed(4)}`,
    `accuracy ${formatPercent(event.trainAccuracy)}`,
    `${formatRate(event.imagesPerSecond)} images/s`,
    `${formatClock(event.remainingMs)} left`,
  ].join('  ');
}

function epochText({ row, epochs, best }: EpochEvent, palette: Palette): string {
  const epoch = String(row.epoch).padStart(String(epochs).length);
  const measured = [
    row.validationAccuracy === undefined
      ? []
      : [`validation ${formatPercent(row.validationAccuracy)}`],
    row.testAccuracy === undefined ? [] : [`test ${palette.bold(formatPercent(row.testAccuracy))}`],
  ].flat();
  const { imagesPerSecond, trainMs, evalMs } = row.time;
  return [
    `epoch ${epoch}/${epochs}`,
    `loss ${row.trainLoss.toFixed(4)}`,
    `train ${formatPercent(row.trainAccuracy)}`,
    ...measured,
    `lr ${Number(row.learningRate.toPrecision(3))}`,
    `${formatRate(imagesPerSecond)} images/s`,
    formatDuration(trainMs + evalMs),
    ...(best ? [palette.green('best')] : []),
  ].join('  ');
}

function formatRate(imagesPerSecond: number): string {
  return Math.round(imagesPerSecond).toLocaleString('en-US');
}

function bar(share: number): string {
  const filled = Math.round(barWidth * Math.min(1, Math.max(0, share)));
  return '█'.repeat(filled) + '░'.repeat(barWidth - filled);
}

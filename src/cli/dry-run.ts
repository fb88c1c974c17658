/** `igc train --dry-run`: everything that training checks before its first step, and what it would then do. */

import { checkAugment } from '../data/batches/batch-content.ts';
import type { AnyImageSet } from '../data/dataset.ts';
import { openDataset } from '../data/open-dataset.ts';
import { formatBytes, formatCount } from '../draw/text-table.ts';
import { type Estimate, estimateShared } from '../experiment/estimate.ts';
import { describeNetwork } from '../plan/describe.ts';
import type { Launched } from '../team/launcher.ts';
import { batchSizeFor } from '../train/batch-size.ts';
import { datasetRequest, type RunConfig } from '../train/config.ts';
import { configNetwork, networkName } from '../train/network-choice.ts';
import { sharedConfig, threadsOf } from '../train/team-config.ts';
import { chosenAugment } from '../train/trainer-parts.ts';
import { formatDuration, printData, printJson } from './terminal.ts';

/**
 * Opens the data, plans the network, times a few of its steps and prints what would run. Of several processes that were launched
 * to train together all do so at once, as they would train, and the first one prints.
 *
 * Throws what training would throw.
 */
export async function dryRun(asked: RunConfig, json: boolean, launched?: Launched): Promise<void> {
  const { rank = 0, ranks = 1, localRanks = ranks } = launched ?? {};
  const config = sharedConfig({ ...asked, threads: threadsOf(asked, localRanks) }, ranks);
  const dataset = await openDataset(datasetRequest(config));
  const { train, validation, test, classes } = dataset;
  const { channels, height, width } = train;
  const input = { channels, height, width };
  const spec = configNetwork(config, { input, classes: classes.length });
  const batch = batchSizeFor(config, train.count);
  const augment = chosenAugment(config);
  if (augment !== null) checkAugment(augment, train);
  const description = describeNetwork(spec, {
    batch: batch / ranks,
    replicas: config.replicas / ranks,
    storage: config.storage,
  });
  const estimate = await estimateShared(config, ranks);
  if (rank > 0) return;
  const stepsPerEpoch = Math.floor(train.count / batch);
  const plan = {
    config,
    dataset: {
      name: dataset.name,
      classes,
      trainImages: train.count,
      validationImages: validation?.count ?? 0,
      testImages: test.count,
      skipped: dataset.skipped,
    },
    stepsPerEpoch,
    steps: stepsPerEpoch * config.epochs,
    params: description.params,
    paramsPaper: description.paramsPaper,
    macs: description.macs,
    ranks,
    trainingMemory: description.memory.training.total,
    memoryBytes: estimate.memoryBytes,
    imagesPerSecond: estimate.trainRate,
    timeMs: estimate.timeMs,
  };
  if (json) return printJson(plan);
  const held = validation ? `${formatCount(validation.count)} validation, ` : '';
  printData(
    [
      `network  ${networkName(config)}, depth ${config.depth}: ${formatCount(plan.params)} parameters, ${formatCount(plan.macs)} MACs an image`,
      `data     ${dataset.name}: ${formatCount(train.count)} training, ${held}${formatCount(test.count)} test images of ${channels}×${height}×${width}, ${classes.length} classes`,
      `steps    ${formatCount(plan.steps)}: ${config.epochs} epochs of ${formatCount(stepsPerEpoch)} batches of ${batch}`,
      `memory   ${memoryText(estimate, plan)}`,
      `images   ${formatBytes(memoryBytes([train, test, validation]))} in memory`,
      `time     ${timeText(estimate, config)}`,
      ...dataset.skipped.map((reason) => `skipped  ${reason}`),
      'Nothing was trained or written (--dry-run).',
    ].join('\n'),
  );
}

/** Of one process: as its kernels took it just now, or as planned. */
function memoryText(
  { memoryBytes }: Estimate,
  { trainingMemory, ranks }: { readonly trainingMemory: number; readonly ranks: number },
): string {
  const part = ranks === 1 ? 'a batch' : `its part of a batch on each of ${ranks} ranks`;
  return memoryBytes === null
    ? `${formatBytes(trainingMemory)} for ${part}, evaluations and working memory not counted`
    : `${formatBytes(memoryBytes)} for ${part} and evaluations, as measured`;
}

/** Without the reading of data, and the sums of several processes. */
function timeText({ timeMs, trainRate, why }: Estimate, { epochs }: RunConfig): string {
  if (timeMs === null || trainRate === null) return why ?? 'not measured';
  return `about ${formatDuration(timeMs)} for ${epochs} epochs: steps timed here make ${formatCount(Math.round(trainRate))} images/s`;
}

/** What the splits take: nothing for images that are mapped or decoded as they are needed. */
function memoryBytes(sets: readonly (AnyImageSet | undefined)[]): number {
  return sets.reduce((sum, set) => {
    const isInMemory = set !== undefined && !('encoded' in set) && set.mapped === undefined;
    return isInMemory ? sum + set.pixels.length : sum;
  }, 0);
}

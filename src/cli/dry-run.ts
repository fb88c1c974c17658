/** `igc train --dry-run`: everything that training checks before its first step, and what it would then do. */

import { openDataset } from '../data/open-dataset.ts';
import { formatBytes, formatCount } from '../draw/text-table.ts';
import { describeNetwork } from '../plan/describe.ts';
import { batchSizeFor } from '../train/batch-size.ts';
import { datasetRequest, type RunConfig } from '../train/config.ts';
import { configNetwork, networkName } from '../train/network-choice.ts';
import { printData, printJson } from './terminal.ts';

/** Opens the data, plans the network and prints what would run. Throws what training would throw. */
export async function dryRun(config: RunConfig, json: boolean): Promise<void> {
  const dataset = await openDataset(datasetRequest(config));
  const { train, validation, test, classes } = dataset;
  const { channels, height, width } = train;
  const input = { channels, height, width };
  const spec = configNetwork(config, { input, classes: classes.length });
  const batch = batchSizeFor(config, train.count);
  const description = describeNetwork(spec, {
    batch,
    replicas: config.replicas,
    storage: config.storage,
  });
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
    trainingMemory: description.memory.training.total,
  };
  if (json) return printJson(plan);
  const held = validation ? `${formatCount(validation.count)} validation, ` : '';
  printData(
    [
      `network  ${networkName(config)}, depth ${config.depth}: ${formatCount(plan.params)} parameters, ${formatCount(plan.macs)} MACs an image`,
      `data     ${dataset.name}: ${formatCount(train.count)} training, ${held}${formatCount(test.count)} test images of ${channels}×${height}×${width}, ${classes.length} classes`,
      `steps    ${formatCount(plan.steps)}: ${config.epochs} epochs of ${formatCount(stepsPerEpoch)} batches of ${batch}`,
      `memory   ${formatBytes(plan.trainingMemory)} for a batch, ${formatBytes(train.pixels.length + test.pixels.length + (validation?.pixels.length ?? 0))} of images`,
      ...dataset.skipped.map((reason) => `skipped  ${reason}`),
      'Nothing was trained or written (--dry-run).',
    ].join('\n'),
  );
}

/** What is said at the end of a training: the result, and where to go from there. */
import path from 'node:path';
import { shellWord } from '../core/shell-word.ts';
import { textTable } from '../draw/text-table.ts';
import type { RunSummary } from '../train/events.ts';
import { formatDuration, formatPercent, shortPath } from './terminal.ts';

/** The result of a run as lines of `name  value`. */
export function resultText(summary: RunSummary, folder: string): string {
  const { bestChosenOn, bestEpoch, bestTestAccuracy, epochs, testAccuracy } = summary;
  const early = summary.stoppedEarly ? ', stopped early' : '';
  const rows = [
    ['test accuracy', `${formatPercent(testAccuracy)} after epoch ${epochs}${early}`],
    [
      'best',
      `${formatPercent(bestTestAccuracy)} test accuracy after epoch ${bestEpoch} (chosen on ${bestChosenOn} data)`,
    ],
    [
      'time',
      `${formatDuration(summary.wallMs)}, ${Math.round(summary.imagesPerSecond).toLocaleString('en-US')} images/s with ${summary.kernels}`,
    ],
    ...(summary.skippedFiles > 0
      ? [
          [
            'skipped',
            `${summary.skippedFiles} bad image ${summary.skippedFiles === 1 ? 'file' : 'files'}`,
          ],
        ]
      : []),
    ['run folder', shortPath(folder)],
  ];
  return textTable([{ title: '' }, { title: '' }], rows)
    .slice(2)
    .join('\n');
}

/** Commands to try after a first training. */
export function nextSteps({ dataset }: RunSummary, folder: string): string {
  const igc = commandName(process.argv[1]);
  const run = shellWord(shortPath(folder));
  const commands = [
    [`${igc} eval ${run}`, 'accuracy per class and the confusion matrix, as a picture too'],
    [
      `${igc} predict ${run} <image files>`,
      dataset === 'digits' ? 'classify images of single digits, white on black' : 'classify images',
    ],
    [
      `${igc} train --data <folder> --name pets`,
      'your own images: one folder for each class in it',
    ],
    [
      `${igc} train --data cifar10 --depth 8 --epochs 20`,
      `CIFAR-10, once "${igc} data get cifar10" has got it`,
    ],
  ];
  const lines = commands.flatMap(([command, what]) => [`  ${command}`, `      ${what}`]);
  return ['', 'What to try next:', ...lines].join('\n');
}

/** The command that goes on with a run. */
export function resumeCommand(folder: string): string {
  return `${commandName(process.argv[1])} train --resume ${shellWord(shortPath(path.resolve(folder)))}`;
}

/** How this command was called: `igc` when it is installed, `npx igc` from a checkout. */
function commandName(script = ''): string {
  return path.basename(script) === 'igc.js' ? 'npx igc' : 'igc';
}

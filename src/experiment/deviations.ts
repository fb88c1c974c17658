/** Where runs differ from the paper's protocol: what is always so, and what a configuration chose otherwise. */
import { differingValues } from '../core/nested-values.ts';
import type { RunConfig } from '../train/config.ts';
import { decisiveChoices } from '../train/run-folder.ts';
import type { PaperResult } from './comparison.ts';
import { paperExperiment } from './paper-experiments.ts';
import { cellConfig } from './plan-paper.ts';

/** What holds for every run of ours. @source docs/paper.md, which has the reasons */
const always = [
  'Trained on CPUs by our own kernels in float32; the authors trained on GPUs with MXNet.',
  'Crops are padded with zeros after normalisation; the authors pad with the rounded mean before it.',
  'Running averages of batch norm start at 0 and 1 and in the first steps weigh at most (1 + t)/(10 + t) of the old; the authors’ start at 0 and always weigh the same.',
  'The last, short batch of an epoch is dropped.',
] as const;

/** Keys that change no result, or whose difference is told elsewhere. */
const untold = new Set(['seed', 'evalEvery', 'testBatchSize', 'data.skipBad', 'data.name']);

/** Every deviation in one list: the constant ones, then each choice with the networks that it concerns. */
export function listDeviations(results: readonly PaperResult[]): readonly string[] {
  const found = new Map<string, Set<string>>();
  for (const result of results) {
    const { net, depth, data } = result.setting;
    for (const text of deviationsOf(result)) {
      const networks = found.get(text) ?? new Set();
      found.set(text, networks.add(`${net} D=${depth} on ${data}`));
    }
  }
  const chosen = [...found].map(([text, networks]) => {
    const names = [...networks];
    const listed = names.length > 6 ? `${names.length} networks` : names.join(', ');
    return `${text}: ${listed}.`;
  });
  return [...always, ...chosen];
}

/** What a setting does otherwise than its cell of the paper. */
function deviationsOf(result: PaperResult): readonly string[] {
  const { cell, setting } = result;
  const { config, epochs, seeds } = setting;
  const paper = cellConfig(cell, { data: { dir: config.data.dir } });
  const { printedRuns } = paperExperiment(cell.experiment);
  return [
    ...(epochs === paper.epochs
      ? []
      : [
          `${epochs === 1 ? 'One epoch' : `${epochs} epochs`}, ${share(config, paper)} of the paper’s ${paper.epochs}`,
        ]),
    ...(seeds.length > 0 && seeds.length < printedRuns
      ? [`${seeds.length === 1 ? 'One run' : `${seeds.length} runs`}, not ${printedRuns}`]
      : []),
    ...choiceDeviations(result),
  ];
}

/** What a setting's configuration chose otherwise than the paper, the number of epochs left out. */
export function choiceDeviations({ cell, setting: { config } }: PaperResult): readonly string[] {
  const paper = cellConfig(cell, { data: { dir: config.data.dir } });
  return [...differingValues(decisiveChoices(paper), decisiveChoices(config))]
    .filter(([path]) => !untold.has(path))
    .map(([path, was, is]) => `${path} is ${JSON.stringify(is)}, not ${JSON.stringify(was)}`);
}

function share({ epochs }: RunConfig, paper: RunConfig): string {
  return Number((epochs / paper.epochs).toPrecision(3)).toString();
}

// Collects what records/ say: of the paper's cells into src/theory/tables/results.ts, from where `igc table` has it, and
// everything into records/report: node scripts/collect-results.mjs (after npm run build)
import { rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeReport, writeReport } from '../dist/index.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The list in results.ts. */
export function collectResults() {
  return makeReport(join(root, 'records')).paper.flatMap(({ experiment, rows }) =>
    rows
      .filter(({ setting, deviations }) => setting?.last && deviations.length === 0)
      .map(({ cell: { data, net, depth }, setting: { epochs, seeds, last, records } }) => ({
        ...{ experiment: experiment.name, data, net, depth, epochs },
        ...{ seeds, mean: last.mean, deviation: last.deviation },
        records: records.map(({ folder }) => basename(folder)),
      })),
  );
}

/** The text of results.ts. */
function resultsText() {
  return `/**
 * What our records say of the paper's cells: accuracies after the last epoch in percent, mean and deviation over seeds,
 * of runs that follow the paper's protocol in all but, perhaps, the number of epochs.
 * Made by scripts/collect-results.mjs; not to be edited.
 */

export const results = ${JSON.stringify(collectResults(), null, 2)} as const satisfies readonly RecordedResult[];

/** One network, trained and recorded. */
export interface RecordedResult {
  readonly experiment: string;
  readonly data: string;
  readonly net: string;
  readonly depth: number;
  readonly epochs: number;
  readonly seeds: readonly number[];
  readonly mean: number;
  /** Null for one run. */
  readonly deviation: number | null;
  /** Folders of records/. */
  readonly records: readonly string[];
}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, 'src/theory/tables/results.ts'), resultsText());
  const report = join(root, 'records/report');
  rmSync(report, { recursive: true, force: true });
  await writeReport(report, makeReport(join(root, 'records')));
  rmSync(join(report, 'report.json')); // every row again; `igc report records` makes it
}

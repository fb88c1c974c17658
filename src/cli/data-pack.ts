/** `igc data pack`: writes a data set as one packed file, which opens at once and is mapped to memory. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { IgcError, usageError } from '../core/errors.ts';
import { formatBytes, formatCount } from '../draw/text-table.ts';
import type { RunConfig } from '../train/config.ts';
import { listenForInterrupt } from './interrupt.ts';
import { makeLiveLine } from './live-line.ts';
import { addConfigFlags, sharedOptions } from './options.ts';
import { printData, printJson, printNews, shortPath, warningText } from './terminal.ts';

interface PackFlags {
  readonly out: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Adds `pack` to `data`. */
export function addDataPack(data: Command): void {
  const command = data
    .command('pack')
    .description('write a data set as one file that opens at once (--data FILE then)')
    .argument('[data]', 'a name, or the path of a folder')
    .addOption(new Option('-o, --out <file>', 'the packed file').makeOptionMandatory())
    .addOption(new Option('--force', 'replace a file that is there'))
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .addOption(sharedOptions.json())
    .action((name: string | undefined, flags: PackFlags) => runPack(command, name, flags));
  addConfigFlags(command, ['data', 'seed']);
}

async function runPack(
  command: Command,
  name: string | undefined,
  { out, force = false, json = false }: PackFlags,
): Promise<void> {
  const file = path.resolve(out);
  if (existsSync(file) && !statSync(file).isFile()) {
    throw usageError({ path: '--out', rule: 'must be a file', got: out });
  }
  if (existsSync(file) && !force) {
    const hint = 'choose another, or --force to replace it';
    throw usageError({ path: '--out', rule: 'must not exist', got: out, hint });
  }
  const { withConfig } = await import('./run-config.ts');
  const { datasetRequest } = await import('../train/config.ts');
  const { openStreaming } = await import('../data/open-dataset.ts');
  const { writePack } = await import('../data/pack/write-pack.ts');
  const open = (config: RunConfig) => {
    refuseValSplit(config);
    return openStreaming(datasetRequest(config));
  };
  const input = await withConfig(command, open, name);
  const show = liveProgress();
  const { signal, release } = listenForInterrupt(() => {});
  const { splits } = await writePack(file, input, (split, done, count) => {
    if (signal.aborted) {
      throw new IgcError('interrupted', `${out}: stopped, nothing was written`);
    }
    show(split, done, count);
  }).finally(release);
  const sizeBytes = statSync(file).size;
  const skipped = 'skipped' in input ? input.skipped : [];
  for (const reason of skipped) printNews(warningText(`left out: ${reason}`));
  if (json) return printJson({ file, sizeBytes, name: input.name, splits, skipped });
  const counts = splits.map(({ split, count }) => `${formatCount(count)} ${split}`).join(', ');
  printData(`${input.name}: ${counts} images, ${formatBytes(sizeBytes)} in ${shortPath(file)}`);
}

function refuseValSplit({ data }: RunConfig): void {
  if (data.valSplit === 0) return;
  throw usageError({
    path: 'data.valSplit',
    rule: 'must be 0 to pack: a validation split is held out when a packed file is opened',
    got: String(data.valSplit),
  });
}

/** A line that rewrites itself, on a terminal. */
function liveProgress(): (split: string, done: number, count: number) => void {
  const { isLive, rewrite } = makeLiveLine(process.stderr, process.env);
  if (!isLive) return () => {};
  let shownAt = 0;
  return (split, done, count) => {
    const now = performance.now();
    if (now - shownAt < 100 && done < count) return;
    shownAt = now;
    rewrite(`${split}: ${formatCount(done)} of ${formatCount(count)} images`);
    if (done === count) printNews('');
  };
}

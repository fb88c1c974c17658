/** `igc data get`: downloads a data set, or takes its files from a folder, verifies and unpacks them. */
import { type Command, Option } from 'commander';
import { usageError } from '../core/errors.ts';
import type { GetEvent } from '../data/get/obtain-file.ts';
import { displayWidth, formatBytes } from '../draw/text-table.ts';
import { listenForInterrupt } from './interrupt.ts';
import { makeLiveLine, type ProgressOutput } from './live-line.ts';
import { parseCount, parseNumber, sharedOptions } from './options.ts';
import { printData, printJson, shortPath } from './terminal.ts';

/** A day; timers cannot wait for much longer. */
const longestTimeoutSeconds = 86_400;

interface GetFlags {
  readonly from?: string;
  readonly output?: string;
  readonly extra?: boolean;
  readonly timeout: string;
  readonly retries: string;
  readonly json?: boolean;
}

/** Adds `get` to `data`. */
export function addDataGet(data: Command): void {
  data
    .command('get')
    .description('download and unpack cifar10, cifar100, svhn or fashion-mnist, verified')
    .argument('<name>', 'the data set')
    .addOption(new Option('--from <url or folder>', 'another address, or the files at hand'))
    .addOption(new Option('--output <dir>', 'default: $IGCNET_DATA, else ~/.cache/igcnet-data'))
    .addOption(new Option('--extra', 'svhn: also the 531,131 extra images (1.3 GB)'))
    .addOption(
      new Option(
        '--timeout <seconds>',
        'a connection without a byte for so long has stalled',
      ).default('30'),
    )
    .addOption(
      new Option('--retries <n>', 'how often a broken connection is tried again').default('5'),
    )
    .addOption(sharedOptions.json())
    .action((name: string, flags: GetFlags) => runGet(name, flags));
}

async function runGet(name: string, flags: GetFlags): Promise<void> {
  const { getDataset } = await import('../data/get/get-dataset.ts');
  const { from, output, extra, json = false } = flags;
  const timeoutMs = 1000 * parseTimeout(flags.timeout);
  const retries = flags.retries === '0' ? 0 : parseCount('--retries', flags.retries);
  const progress = makeGetProgress(process.stderr);
  const { signal, release } = listenForInterrupt(() => {});
  const { event: onEvent } = progress;
  const request = { name, from, output, extra, retries, timeoutMs, signal, onEvent };
  const got = await getDataset(request).finally(() => {
    progress.finish();
    release();
  });
  if (json) return printJson(got);
  const place = shortPath(got.folder);
  printData(got.wasThere ? `${name}: all there, in ${place}` : `${name}: in ${place}`);
}

function parseTimeout(text: string): number {
  const seconds = parseNumber('--timeout', text);
  if (seconds > 0 && seconds <= longestTimeoutSeconds) return seconds;
  const rule = `must be above 0 and at most ${longestTimeoutSeconds}`;
  throw usageError({ path: '--timeout', rule, got: text });
}

interface GetProgress {
  event(event: GetEvent): void;
  /** Removes the live line. */
  finish(): void;
}

/** Progress: a line that rewrites itself on a terminal, and elsewhere one line for each file. */
export function makeGetProgress(
  output: ProgressOutput,
  env: NodeJS.ProcessEnv = process.env,
): GetProgress {
  const { isLive, line, rewrite, finish } = makeLiveLine(output, env);
  const begun = new Set<string>();
  let shownAt = 0;
  const progress = (file: string, done: number, of: number) => {
    if (!begun.has(file)) line(`${file}: ${formatBytes(of)}`);
    begun.add(file);
    if (!isLive) return;
    const now = performance.now();
    if (now - shownAt < 100 && done < of) return;
    shownAt = now;
    const percent = `${Math.floor((100 * done) / of)}%`.padStart(4);
    const text = `${file}: ${percent}, ${formatBytes(done)} of ${formatBytes(of)}`;
    const width = (output.columns ?? 80) - 1;
    rewrite(displayWidth(text) > width ? percent : text);
  };
  return {
    finish,
    event: (event) => {
      if (event.kind === 'progress') progress(event.file, event.done, event.of);
      else if (event.kind === 'unpack') line(`${event.file}: unpacking`);
      else line(`${event.file}: got ${event.reason}; trying again`);
    },
  };
}

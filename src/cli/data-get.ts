/** `igc data get`: downloads a data set, or takes its files from a folder, verifies and unpacks them. */
import { type Command, Option } from 'commander';
import { usageError } from '../core/errors.ts';
import type { GetEvent } from '../data/get/get-dataset.ts';
import { formatBytes } from '../draw/text-table.ts';
import { parseCount, parseNumber, sharedOptions } from './options.ts';
import { printData, printJson, printNews, shortPath } from './terminal.ts';

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
    .addOption(new Option('--timeout <seconds>', 'without a byte: stalled').default('30'))
    .addOption(new Option('--retries <n>', 'tries after a failure').default('5'))
    .addOption(sharedOptions.json())
    .action((name: string, flags: GetFlags) => runGet(name, flags));
}

async function runGet(name: string, flags: GetFlags): Promise<void> {
  const { getDataset } = await import('../data/get/get-dataset.ts');
  const { from, output, extra, json = false } = flags;
  const seconds = parseNumber('--timeout', flags.timeout);
  if (!(seconds > 0)) {
    throw usageError({ path: '--timeout', rule: 'must be positive', got: flags.timeout });
  }
  const retries = flags.retries === '0' ? 0 : parseCount('--retries', flags.retries);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const got = await getDataset({
      name,
      from,
      output,
      extra,
      retries,
      timeoutMs: 1000 * seconds,
      signal: stop.signal,
      onEvent: liveEvents(),
    });
    if (json) return printJson(got);
    const place = shortPath(got.folder);
    printData(got.wasThere ? `${name}: all there, in ${place}` : `${name}: in ${place}`);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** Progress on stderr: a line that rewrites itself on a terminal, elsewhere a line a file. */
function liveEvents(): (event: GetEvent) => void {
  const isLive = process.stderr.isTTY === true;
  const began = new Set<string>();
  let shownAt = 0;
  return (event) => {
    if (event.kind === 'note') return printNews(event.text);
    if (event.kind === 'retry')
      return printNews(`${event.file}: got ${event.reason}; trying again`);
    const { file, done, of } = event;
    if (!isLive) {
      if (!began.has(file)) printNews(`${file}: ${formatBytes(of)}`);
      began.add(file);
      return;
    }
    const now = performance.now();
    if (now - shownAt < 100 && done < of) return;
    shownAt = now;
    process.stderr.write(`\r\u001b[2K${file}: ${formatBytes(done)} of ${formatBytes(of)}`);
    if (done === of) printNews('');
  };
}

/** `igc serve`: answers HTTP requests with a run's network until it is told to stop. */
import type { Command } from 'commander';
import type { ServedModel } from '../serve/serve-model.ts';
import type { ServeOptions } from '../serve/settings.ts';
import {
  addConfigFlags,
  machineFlags,
  nameFlagIn,
  parseBytes,
  parseDuration,
  parseNumber,
  sharedOptions,
} from './options.ts';
import { printData, printJson, printNews, warningText } from './terminal.ts';

interface ServeFlags {
  readonly host: string;
  readonly port: string;
  readonly batch: string;
  readonly maxWait: string;
  readonly queue: string;
  readonly maxImages: string;
  readonly maxBody: string;
  readonly maxPixels: string;
  readonly timeout: string;
  readonly maxConnections: string;
  readonly cors?: string;
  readonly json?: boolean;
}

/** Adds `serve`. */
export function serveCommand(program: Command): void {
  const command = program
    .command('serve')
    .description('classify pictures that are sent over HTTP')
    .argument('<model>', 'run, checkpoint or exported folder, or a model.safetensors')
    .option('--host <address>', 'where to listen; 0.0.0.0 for every network', '127.0.0.1')
    .option('--port <n>', '0 takes a free one', '8080')
    .option('--batch <images>', 'most images computed at once', '64')
    .option('--max-wait <time>', 'longest that an image waits for others', '2ms')
    .option('--queue <n>', 'most images that wait', '256')
    .option('--max-images <n>', 'most images in a request', '64')
    .option('--max-body <size>', 'largest body of a request', '10MB')
    .option('--max-pixels <n>', 'most pixels of the pictures of a request', '16777216')
    .option('--timeout <time>', 'longest that a request may take', '10s')
    .option('--max-connections <n>', 'most connections', '512')
    .option('--cors <origin>', 'origin whose pages may read answers, or *')
    .addOption(sharedOptions.json())
    .action((model: string, flags: ServeFlags) => runServe(command, model, flags));
  addConfigFlags(command, machineFlags);
}

/** What the library calls the flags. */
const flagOf = new Map([
  ...(['host', 'port', 'batch', 'queue', 'cors', 'threads'] as const).map(
    (name) => [name, `--${name}`] as const,
  ),
  ['maxWaitMs', '--max-wait'],
  ['maxImages', '--max-images'],
  ['maxBodyBytes', '--max-body'],
  ['maxPixels', '--max-pixels'],
  ['timeoutMs', '--timeout'],
  ['maxConnections', '--max-connections'],
  ['kernels', '--kernels'],
]);

function readFlags(flags: ServeFlags): ServeOptions {
  const { host, port, batch, queue, maxImages, maxPixels, maxConnections, cors } = flags;
  return {
    ...{ host, cors },
    port: parseNumber('--port', port),
    batch: parseNumber('--batch', batch),
    maxWaitMs: /^0(ms|s)?$/.test(flags.maxWait) ? 0 : parseDuration('--max-wait', flags.maxWait),
    queue: parseNumber('--queue', queue),
    maxImages: parseNumber('--max-images', maxImages),
    maxBodyBytes: parseBytes('--max-body', flags.maxBody),
    maxPixels: parseNumber('--max-pixels', maxPixels),
    timeoutMs: parseDuration('--timeout', flags.timeout),
    maxConnections: parseNumber('--max-connections', maxConnections),
  };
}

async function runServe(command: Command, model: string, flags: ServeFlags): Promise<void> {
  const { readMachineFlags } = await import('./run-config.ts');
  const { serveModel } = await import('../serve/serve-model.ts');
  const { IgcError } = await import('../core/errors.ts');
  const options = { ...readFlags(flags), ...readMachineFlags(command), onError: printError };
  const served = await serveModel(model, options).catch((error) => {
    throw nameFlagIn(error, flagOf);
  });
  const name = await untilTold(served, flags.json ?? false);
  if (name === 'SIGINT') throw new IgcError('interrupted', 'igc serve: stopped by Ctrl-C');
}

/** Serves until a signal comes, and gives its name; throws when the service breaks down. */
async function untilTold(served: ServedModel, isJson: boolean): Promise<NodeJS.Signals> {
  const { listenForInterrupt } = await import('./interrupt.ts');
  let tell!: (name: NodeJS.Signals) => void;
  const told = new Promise<NodeJS.Signals>((resolve) => {
    tell = resolve;
  });
  const { release } = listenForInterrupt((name) => {
    printNews('stopping: answering what has come; once more to end at once');
    tell(name);
  });
  try {
    announce(served, isJson);
    return await Promise.race([told, served.failed]);
  } finally {
    await served.close();
    release();
  }
}

function announce({ url, facts, settings }: ServedModel, isJson: boolean): void {
  const { net, depth, kernels, warnings } = facts;
  for (const warning of warnings) printNews(warningText(warning));
  printNews(`${net}, depth ${depth}, on ${kernels.name} with ${kernels.threads} threads`);
  if (!isLoopback(settings.host)) {
    const who = 'whoever reaches this machine can use it: there is neither a password nor TLS';
    printNews(warningText(`--host ${settings.host}: ${who}`));
  }
  if (isJson) printJson({ url, ...facts, settings });
  else printData(`listening on ${url}`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function printError(error: unknown): void {
  printNews(error instanceof Error ? (error.stack ?? error.message) : `${error}`);
}

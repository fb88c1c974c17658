/** `igc ui`: serves the page that designs, shows runs, tries and trains networks. */
import type { Command } from 'commander';
import { IgcError } from '../core/errors.ts';
import { listenForInterrupt } from './interrupt.ts';
import { nameFlagIn, parseNumber } from './options.ts';
import { printData, printNews } from './terminal.ts';

interface UiFlags {
  readonly port: string;
  readonly runs: string;
}

/** Adds `ui`. */
export function uiCommand(program: Command): void {
  program
    .command('ui')
    .description('open the page: design, watch runs, try networks, train in the browser')
    .option('--port <n>', 'where to listen on this machine; 0 for any free one', '8417')
    .option('--runs <folder>', 'the folder of runs to show', 'runs')
    .action(runUi);
}

async function runUi({ port, runs }: UiFlags): Promise<void> {
  const { serveUi } = await import('../ui/ui-server.ts');
  const server = await serveUi({ runs, port: parseNumber('--port', port) }).catch((error) => {
    throw nameFlagIn(
      error,
      new Map([
        ['port', '--port'],
        ['runs', '--runs'],
      ]),
    );
  });
  printData(server.url);
  printNews('Ctrl-C ends it');
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    listenForInterrupt(resolve);
  });
  await server.close();
  if (signal === 'SIGINT') throw new IgcError('interrupted', 'igc ui: stopped by Ctrl-C');
}

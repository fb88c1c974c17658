/** `igc data`: looks at data sets, packs them and gets them. */
import type { Command } from 'commander';
import { addDataCheck } from './data-check.ts';
import { addDataGet } from './data-get.ts';
import { addDataPack } from './data-pack.ts';

/** Adds `data` with its commands. */
export function dataCommand(program: Command): void {
  const data = program
    .command('data')
    .description('check, pack and get data sets')
    .helpCommand(false);
  addDataCheck(data);
  addDataPack(data);
  addDataGet(data);
}

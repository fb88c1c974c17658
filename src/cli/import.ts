/** `igc import`: makes a folder that every command takes of a network's file from outside. */
import { type Command, Option } from 'commander';
import { usageError } from '../core/errors.ts';
import type { ConfigOverrides } from '../train/config.ts';
import { findNetwork, networkPaths } from './chosen-network.ts';
import {
  addConfigFlags,
  nameFlagIn,
  parseNumber,
  readConfigFlags,
  sharedOptions,
} from './options.ts';
import { printData, printJson, printNews, shortPath, shownText } from './terminal.ts';

interface ImportFlags {
  readonly out: string;
  readonly classNames?: string;
  readonly mean?: string;
  readonly std?: string;
  readonly classes: string;
  readonly channels: string;
  readonly json?: boolean;
}

/** Adds `import`. */
export function importCommand(program: Command): void {
  const command = program
    .command('import')
    .description('make a model folder of an exported file, or of a PyTorch state dict')
    .argument('<file>', '.safetensors or .onnx file, or a folder with model.safetensors')
    .addOption(new Option('-o, --out <folder>', 'the folder to make').makeOptionMandatory())
    .option('--class-names <a,b,…>', 'names of the classes, in label order')
    .option('--classes <n>', 'state dict: classes', '10')
    .option('--channels <n>', 'state dict: channels of the images', '3')
    .option('--mean <r,g,b>', 'state dict: mean of the pixels in 0…1 that it was trained with')
    .option('--std <r,g,b>', 'state dict: their standard deviation')
    .addOption(sharedOptions.json())
    .addHelpText(
      'after',
      '\nA state dict without igcnet’s metadata needs --net, --depth and --classes, or config.json beside it.',
    )
    .action((file: string, flags: ImportFlags) => runImport(command, file, flags));
  addConfigFlags(command, [...networkPaths, 'data.imgSize']);
}

/** What the library calls the flags. */
const flagOf = new Map([
  ['output', '--out'],
  ['network', '--net'],
  ['classes', '--class-names'],
  ['mean', '--mean'],
  ['std', '--std'],
  ['statistics', '--mean'],
]);

async function runImport(command: Command, file: string, flags: ImportFlags): Promise<void> {
  const { overrides, flagOf: given } = readConfigFlags(command);
  const values = overrides as ConfigOverrides;
  if (values.net === undefined) refuseWithoutNet(command, [...given.values()]);
  const network =
    values.net === undefined ? undefined : await findNetwork(command, undefined, flags, values);
  const { importModel } = await import('../export/import-model.ts');
  const { out, classNames, mean, std, json } = flags;
  try {
    const { output, card, toldBy } = importModel({
      source: file,
      output: out,
      network,
      classes: classNames?.split(',').map((name) => name.trim()),
      ...statistics(mean, std),
    });
    const { spec, classes } = card;
    if (json) printJson({ output, toldBy, net: spec.name, depth: spec.depth, classes });
    else {
      printData(
        `${shownText(spec.name)}, depth ${spec.depth}, ${classes.length} classes: ${shortPath(output)}`,
      );
      if (toldBy !== 'file')
        printNews(`what it is was told by ${toldBy === 'caller' ? 'the flags' : toldBy}`);
    }
  } catch (error) {
    throw nameFlagIn(error, flagOf);
  }
}

function statistics(mean: string | undefined, std: string | undefined) {
  if (mean === undefined && std === undefined) return {};
  if (mean === undefined || std === undefined) {
    const [given, missing] = mean === undefined ? ['--std', '--mean'] : ['--mean', '--std'];
    throw usageError({ path: missing!, rule: `must be given beside ${given}`, got: 'none' });
  }
  const numbers = (flag: string, text: string) => text.split(',').map((n) => parseNumber(flag, n));
  return { statistics: { mean: numbers('--mean', mean), std: numbers('--std', std) } };
}

/** What says more of a network says nothing without one. */
function refuseWithoutNet(command: Command, given: readonly string[]): void {
  const others = ['classes', 'channels'].filter(
    (name) => command.getOptionValueSource(name) === 'cli',
  );
  const flag = given[0] ?? (others[0] && `--${others[0]}`);
  if (flag) throw usageError({ path: flag, rule: 'goes with --net only' });
}

// Brings a run into records/: node scripts/import-record.mjs RUN_FOLDER [NAME] [--no-weights | --unfinished]
// Copies config.json, env.json, metrics.jsonl, summary.json and the last epoch's weights as they are, but for the
// places on the machine that ran it (working directory, output folder, paths of the executables). A run that goes on
// elsewhere is kept with its last checkpoint in records/unfinished/, and replaced when it has come further. The
// recorded results and their report are then collected again, from what is built (npm run build:ts).
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'no-weights': { type: 'boolean' }, unfinished: { type: 'boolean' } },
});
const [run, name = basename(run ?? '')] = positionals;
const limitBytes = 4_000_000;

function fail(message) {
  console.error(`import-record: ${message}`);
  process.exit(2);
}

if (!run) fail('usage: node scripts/import-record.mjs RUN_FOLDER [NAME]');
if (!flags.unfinished && !existsSync(join(run, 'summary.json')))
  fail(`${run} has no summary.json; the run is not finished`);
const place = flags.unfinished ? join('unfinished', name) : name;
const scripts = dirname(fileURLToPath(import.meta.url));
const record = join(scripts, '..', 'records', place);
if (flags.unfinished) rmSync(record, { recursive: true, force: true });
else if (existsSync(record)) fail(`records/${name} exists; records are never overwritten`);

const read = (file) => JSON.parse(readFileSync(join(run, file), 'utf8'));
const env = read('env.json');
const config = read('config.json');
/** `node dist/cli/igc.js train …` → `igc train …`, without the flag that says where to, nor where files lay. */
function commandOf([, , ...words]) {
  const output = words.indexOf('--output');
  const kept = output < 0 ? words : words.toSpliced(output, 2);
  return ['igc', ...kept.map((word) => (word.startsWith('/') ? basename(word) : word))];
}
function withoutPlaces({ cwd, command, ...rest }) {
  const resumed = Array.isArray(rest.resumed) ? { resumed: rest.resumed.map(withoutPlaces) } : {};
  return { ...rest, ...resumed, ...(command && { command: commandOf(command) }) };
}

mkdirSync(record, { recursive: true });
const write = (file, value) =>
  writeFileSync(join(record, file), `${JSON.stringify(value, null, 2)}\n`);
write('env.json', withoutPlaces(env));
// Images of one's own have no other name than that of their folder; rooted, so that the run's id is the same everywhere.
const isOwn = ['folder', 'imagenet', 'packed'].includes(config.data.name);
const dir = isOwn ? `/${basename(config.data.dir)}` : null;
write('config.json', { ...config, output: 'runs', data: { ...config.data, dir } });
for (const file of ['metrics.jsonl', 'summary.json'])
  if (existsSync(join(run, file))) copyFileSync(join(run, file), join(record, file));
const last = join(run, 'checkpoints', 'last');
const weights = join(last, 'model.safetensors');
if (flags.unfinished) cpSync(last, join(record, 'checkpoints', 'last'), { recursive: true });
else if (!flags['no-weights'] && statSync(weights).size <= limitBytes)
  copyFileSync(weights, join(record, 'model.safetensors'));
console.log(`records/${place}: ${commandOf(env.command).join(' ')}`);
execFileSync(process.execPath, [join(scripts, 'collect-results.mjs')], { stdio: 'inherit' });

// Brings a finished run into records/: node scripts/import-record.mjs RUN_FOLDER [NAME]
// Copies config.json, env.json, metrics.jsonl, summary.json and the last epoch's weights as they are, but for the
// places on the machine that ran it (working directory, output folder, paths of the executables).
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [run, name = basename(run ?? '')] = process.argv.slice(2);
const limitBytes = 4_000_000;

function fail(message) {
  console.error(`import-record: ${message}`);
  process.exit(2);
}

if (!run) fail('usage: node scripts/import-record.mjs RUN_FOLDER [NAME]');
if (!existsSync(join(run, 'summary.json')))
  fail(`${run} has no summary.json; the run is not finished`);
const record = join(dirname(fileURLToPath(import.meta.url)), '..', 'records', name);
if (existsSync(record)) fail(`records/${name} exists; records are never overwritten`);

const read = (file) => JSON.parse(readFileSync(join(run, file), 'utf8'));
const env = read('env.json');
const config = read('config.json');
/** `node dist/cli/igc.js train …` → `igc train …`, without the flag that says where to. */
function commandOf([, , ...words]) {
  const output = words.indexOf('--output');
  return ['igc', ...(output < 0 ? words : words.toSpliced(output, 2))];
}
function withoutPlaces({ cwd, command, ...rest }) {
  const resumed = Array.isArray(rest.resumed) ? { resumed: rest.resumed.map(withoutPlaces) } : {};
  return { ...rest, ...resumed, ...(command && { command: commandOf(command) }) };
}

mkdirSync(record, { recursive: true });
const write = (file, value) =>
  writeFileSync(join(record, file), `${JSON.stringify(value, null, 2)}\n`);
write('env.json', withoutPlaces(env));
write('config.json', { ...config, output: 'runs', data: { ...config.data, dir: null } });
for (const file of ['metrics.jsonl', 'summary.json'])
  copyFileSync(join(run, file), join(record, file));
const weights = join(run, 'checkpoints', 'last', 'model.safetensors');
if (statSync(weights).size <= limitBytes) copyFileSync(weights, join(record, 'model.safetensors'));
console.log(`records/${name}: ${commandOf(env.command).join(' ')}`);

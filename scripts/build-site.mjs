// Makes a static site of the page: dist/site/, with the records of this repository in the place of somebody's runs. Any web
// server shows it; on several threads where it sends COOP: same-origin and COEP: require-corp. `--to <folder>` writes elsewhere.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packageVersion } from '../dist/train/environment.js';
import { pageRecords, pageReport, pageRunDetail, runIdOf } from '../dist/ui/page-data.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const records = join(root, 'records');
const { values } = parseArgs({ options: { to: { type: 'string' } } });
const site = resolve(values.to ?? join(root, 'dist', 'site'));

// Only a site of ours is replaced.
if (
  existsSync(site) &&
  readdirSync(site).length > 0 &&
  !existsSync(join(site, 'api', 'info.json'))
) {
  console.error(`build:site: --to must be empty or a site made before, got ${site}`);
  process.exit(2);
}
rmSync(site, { recursive: true, force: true });
cpSync(join(root, 'dist', 'page'), site, { recursive: true });

const write = (name, value) => {
  const file = join(site, 'api', name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(value));
};
const runs = pageRecords(records).map((record) => {
  const { config, rows, confusion, ...run } = pageRunDetail(records, record);
  write(`runs/${runIdOf(records, record)}.json`, {
    ...run,
    rows,
    confusion,
    config: shareable(config),
  });
  return run;
});
write('info.json', { igcnet: packageVersion(), live: false });
write('runs.json', runs);
write('report.json', pageReport(records));
console.log(site);

/** Without the places of somebody's machine. */
function shareable({ output: _output, initialCheckpoint: _initial, ...config }) {
  return { ...config, data: { ...config.data, dir: null } };
}

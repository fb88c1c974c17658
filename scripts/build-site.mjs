// Makes a static site of the page: dist/site/, with the records of this repository in the place of somebody's runs. Any web
// server shows it; on several threads where it sends COOP: same-origin and COEP: require-corp. `--to <folder>` writes elsewhere.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageVersion } from '../dist/train/environment.js';
import { pageRecords, pageReport, pageRunDetail, runIdOf } from '../dist/ui/page-data.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const records = join(root, 'records');
const [flag, place] = process.argv.slice(2);
const site = flag === '--to' ? place : join(root, 'dist', 'site');

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
function shareable({ output: _output, ...config }) {
  return { ...config, data: { ...config.data, dir: null } };
}

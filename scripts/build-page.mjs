// Builds the page of `igc ui` and of static sites (dist/page/), with the networks of records/page-models.json beside it, and
// the page that an export puts its network into (dist/exported/), when they are older than what they are made of.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'dist', 'page.stamp');
const records = join(root, 'records');
const chosen = JSON.parse(readFileSync(join(records, 'page-models.json'), 'utf8'));

/** All that the pages are made of: the page takes its networks' code from all of src. */
function stamp() {
  const hash = createHash('sha256');
  const files = ['src', 'wasm', 'data/digits'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const models = chosen.map(({ record }) => join(records, record, 'model.safetensors'));
  const others = ['package-lock.json', 'vite.config.ts', 'vite.exported.config.ts'];
  const rest = [...others.map((name) => join(root, name)), join(records, 'page-models.json')];
  for (const file of [...files, ...models, ...rest, fileURLToPath(import.meta.url)].sort()) {
    hash.update(file.slice(root.length)).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** The networks that come with the page, their weights in half the bytes, and a list of what each is. */
async function writeModels() {
  const { decodeModel, encodeModel, modelFromFile } = await import('../dist/model/model-file.js');
  const { referenceKernels } = await import('../dist/kernels/reference.js');
  const folder = join(root, 'dist', 'page', 'models');
  mkdirSync(folder, { recursive: true });
  const models = chosen.map(({ record, title, float16Accuracy: accuracy }) => {
    const place = join(records, record, 'model.safetensors');
    const network = decodeModel(readFileSync(place), place);
    const model = modelFromFile(network, referenceKernels('float32'));
    const bytes = encodeModel(model, network.card, { weights: 'float16' });
    const file = `${record}.safetensors`;
    writeFileSync(join(folder, file), bytes);
    return { file, title, dataset: network.card.dataset, accuracy, bytes: bytes.length };
  });
  writeFileSync(join(folder, 'index.json'), `${JSON.stringify(models, null, 2)}\n`);
}

const now = stamp();
const isBuilt = ['page', 'exported'].every((name) => existsSync(join(root, 'dist', name)));
if (!isBuilt || !existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== now) {
  console.error('building the page …');
  const { build } = await import('vite');
  for (const config of ['vite.config.ts', 'vite.exported.config.ts']) {
    await build({ configFile: join(root, config), logLevel: 'warn' });
  }
  await writeModels();
  writeFileSync(stampFile, now);
}

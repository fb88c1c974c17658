// The networks that come with the page: those of the records named here, copied into dist/page/models with a list of what
// each is. Run after the page is built.
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const chosen = JSON.parse(readFileSync(join(root, 'records', 'page-models.json'), 'utf8'));
const testImages = { cifar10: 10000, cifar100: 10000, 'fashion-mnist': 10000, digits: 360 };

const folder = join(root, 'dist', 'page', 'models');
mkdirSync(folder, { recursive: true });
const models = chosen.map(({ record, title }) => {
  const place = join(root, 'records', record);
  const { dataset, testAccuracy } = JSON.parse(readFileSync(join(place, 'summary.json'), 'utf8'));
  const file = `${record}.safetensors`;
  copyFileSync(join(place, 'model.safetensors'), join(folder, file));
  const { size: bytes } = statSync(join(folder, file));
  return { file, title, dataset, accuracy: testAccuracy, images: testImages[dataset], bytes };
});
writeFileSync(join(folder, 'index.json'), `${JSON.stringify(models, null, 2)}\n`);

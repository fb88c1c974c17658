/** A network as a page that opens by itself: dist/exported/index.html with the network put into it. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FileContent } from '../core/durable-files.ts';
import { internalError } from '../core/errors.ts';
import { formatCount } from '../draw/text-table.ts';
import { encodeModel } from '../model/model-file.ts';
import { countCost } from '../theory/cost.ts';
import type { Exported } from './hugging-face.ts';

/** Seen from src/export and dist/export alike. */
const template = fileURLToPath(new URL('../../dist/exported/index.html', import.meta.url));

/** The page, and beside it the network as a file for programs. */
export function webPageFiles(exported: Exported): readonly FileContent[] {
  if (!existsSync(template))
    throw internalError(`${template} is missing; run "npm run build:page"`);
  const { model, card, weights } = exported;
  const bytes = encodeModel(model, card, { names: 'torch', weights });
  const text = about(exported);
  const values: Readonly<Record<string, string>> = {
    IGCNET_TITLE: escapeHtml(text.title),
    // In a script element only the end of one matters.
    IGCNET_ABOUT: JSON.stringify(text).replaceAll('<', '\\u003c'),
    IGCNET_MODEL: Buffer.from(bytes).toString('base64'),
  };
  const page = readFileSync(template, 'utf8').replace(
    /IGCNET_(?:TITLE|ABOUT|MODEL)/g,
    (name) => values[name]!,
  );
  return [
    { name: 'index.html', bytes: page },
    { name: 'model.safetensors', bytes },
  ];
}

function about({ card, run, measured, weights }: Exported) {
  const { spec, dataset } = card;
  const { params, macs } = countCost(spec, 'paper');
  const last = measured.evaluations.at(-1);
  return {
    title: run?.name ?? spec.name,
    lines: [
      `${spec.name}, depth ${spec.depth}: ${formatCount(params)} parameters, ${formatCount(macs)} multiply-adds an image, weights as ${weights}.`,
      last
        ? `${last.top1.toFixed(2)} % of the ${formatCount(last.images)} test images of ${dataset}.`
        : 'Its accuracy was not measured at export.',
    ],
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

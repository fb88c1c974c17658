/**
 * Where the compiled entry of a worker thread lies. In dist/ it is the file beside the importer; a test that
 * runs a source file (src/x/y.ts) gets the built file (dist/x/name.js), since a worker thread of
 * Node 20 cannot load TypeScript.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { internalError } from './errors.ts';

/**
 * The URL of the worker entry `name` that belongs to the module `importer` (its `import.meta.url`).
 *
 * Throws when the built file is missing.
 * @example new Worker(workerUrl(import.meta.url, 'batch-worker'))
 */
export function workerUrl(importer: string, name: string): URL {
  const beside = new URL(`./${name}.js`, importer).href;
  const url = new URL(importer.endsWith('.ts') ? toBuilt(beside) : beside);
  if (url.protocol === 'file:' && !existsSync(fileURLToPath(url))) {
    throw internalError(`the worker ${fileURLToPath(url)} is missing; run "npm run build:ts"`);
  }
  return url;
}

function toBuilt(source: string): string {
  const at = source.lastIndexOf('/src/');
  return at < 0 ? source : `${source.slice(0, at)}/dist/${source.slice(at + '/src/'.length)}`;
}

/** Files of a folder for a browser: nothing outside it, with their types and how long they may be kept. */
import { createReadStream, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gz': 'application/gzip',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.safetensors': 'application/octet-stream',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** Answers with the file at `pathname` (`/` is index.html); false when there is none in `folder`. */
export function sendFile(response: ServerResponse, folder: string, pathname: string): boolean {
  const file = path.join(folder, pathname === '/' ? 'index.html' : pathname);
  const inside = path.relative(folder, file);
  if (inside.startsWith('..') || path.isAbsolute(inside) || inside.includes('\0')) return false;
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) return false;
  const isHashed = inside.startsWith(`assets${path.sep}`); // its name changes with its content
  response.writeHead(200, {
    'content-type': types[path.extname(file)] ?? 'application/octet-stream',
    'content-length': found.size,
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  // Closes the file when the asker goes, and the connection when the file cannot be read.
  pipeline(createReadStream(file), response, () => {});
  return true;
}

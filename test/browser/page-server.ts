/**
 * A local server for a page that runs the compiled library: dist/, wasm/, this folder and a peer as files, some answers
 * from memory, and the headers that make a page cross-origin isolated.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const packages = ['/node_modules/onnxruntime-web/dist/', '/node_modules/valibot/dist/'];
const served = ['/dist/', '/wasm/', '/test/browser/', ...packages];
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface PageServer {
  /** `http://127.0.0.1:…/` */
  readonly url: string;
  close(): Promise<void>;
}

/** `answers`: what is at other paths. */
export async function servePage(options: {
  readonly answers: Readonly<Record<string, string | Uint8Array>>;
  readonly isolated: boolean;
}): Promise<PageServer> {
  const isolation = {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    try {
      const body = options.answers[pathname] ?? (await fileAt(pathname));
      response.writeHead(200, {
        'content-type': types[path.extname(pathname)] ?? 'application/octet-stream',
        ...(options.isolated ? isolation : {}),
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function fileAt(pathname: string): Promise<Buffer> {
  if (!served.some((folder) => pathname.startsWith(folder))) throw new Error('not served');
  return readFile(path.join(root, pathname));
}

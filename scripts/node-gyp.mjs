// Finds node-gyp, which compiles the addon. It is no dependency of users; npm brings a copy of its own.
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** node-gyp.js of this project, else of npm, else the command; undefined where there is none. */
export function findNodeGyp() {
  const places = [
    root,
    process.env.npm_execpath, // the npm or npx that runs this
    join(dirname(process.execPath), 'node_modules', 'npm'), // Windows
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm'),
    ...onPath('npm'),
    ...onPath('node-gyp'),
  ];
  for (const place of places) {
    if (!place) continue;
    try {
      return createRequire(join(place, 'x')).resolve('node-gyp/bin/node-gyp.js');
    } catch {
      // not there; try the next
    }
  }
  return undefined;
}

/** Where commands of that name really lie. */
function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).flatMap((folder) => {
    try {
      return [realpathSync(join(folder, name))];
    } catch {
      return [];
    }
  });
}

/** Node's own headers, where they were installed with it, save a download. */
export function headersOption() {
  const prefix = join(dirname(realpathSync(process.execPath)), '..');
  try {
    realpathSync(join(prefix, 'include', 'node', 'node_api.h'));
    return [`--nodedir=${prefix}`];
  } catch {
    return [];
  }
}

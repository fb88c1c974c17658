/**
 * Finds and loads the C++ addon, which is optional. What it exports is described where it is used: kernels in
 * kernels/native.ts, mapped files in data/mapped-file.ts.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Where `npm run build:native` puts it, seen from src/core and dist/core alike. */
const addonPath = fileURLToPath(new URL('../../native/build/Release/igcnet.node', import.meta.url));

/** The addon's exports, taken to be `T`, or the reason why there are none. */
export function loadAddon<T>(): { readonly addon: T } | { readonly reason: string } {
  if (process.env.IGCNET_NO_NATIVE) return { reason: 'IGCNET_NO_NATIVE is set' };
  if (!existsSync(addonPath)) return { reason: 'the addon is not built (npm run build:native)' };
  try {
    return { addon: createRequire(import.meta.url)(addonPath) as T };
  } catch (error) {
    const text = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { reason: `the addon does not load (${text}); npm run build:native builds it anew` };
  }
}

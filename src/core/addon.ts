/**
 * Finds and loads the C++ addon, which is optional: the one built here, else the prebuilt one of this platform's package.
 * What it exports is described where it is used: kernels in kernels/native.ts, mapped files in data/mapped-file.ts.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Those with a package `@igcnet/<platform>` that has the addon, for glibc. */
export const prebuiltPlatforms: readonly string[] = ['linux-x64', 'linux-arm64'];

/** The addon's exports, taken to be `T`, and where it is from; or the reason why there are none. */
export type AddonLoad<T> =
  | { readonly addon: T; readonly from: string }
  | { readonly reason: string };

/** Where an addon is looked for, and for what. */
export interface AddonHost {
  /** The folder of igcnet's package.json. */
  readonly root: string;
  readonly platform: string;
  readonly arch: string;
  readonly hasGlibc: () => boolean;
}

const thisHost: AddonHost = {
  // src/core and dist/core are both two levels below it
  root: fileURLToPath(new URL('../..', import.meta.url)),
  platform: process.platform,
  arch: process.arch,
  hasGlibc() {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime !== undefined;
  },
};

/** Looked for once a process: what there is does not change. */
let found: AddonLoad<unknown> | undefined;

/** The addon of this machine, unless IGCNET_NO_NATIVE is set. */
export function loadAddon<T>(): AddonLoad<T> {
  if (process.env.IGCNET_NO_NATIVE) return { reason: 'IGCNET_NO_NATIVE is set' };
  found ??= findAddon(thisHost);
  return found as AddonLoad<T>;
}

/** The first addon that loads; the reason has a clause for each place that was tried. */
export function findAddon(host: AddonHost): AddonLoad<unknown> {
  const own = loadOwn(host);
  if ('addon' in own) return own;
  const prebuilt = loadPrebuilt(host);
  if ('addon' in prebuilt) return prebuilt;
  return { reason: `${own.reason}, and ${prebuilt.reason}` };
}

/** What `npm run build:native` and `igc build-native` make. */
function loadOwn({ root }: AddonHost): AddonLoad<unknown> {
  const file = path.join(root, 'native/build/Release/igcnet.node');
  if (!existsSync(file)) return { reason: 'the addon is not built here' };
  return loadFile(file, 'built here');
}

function loadPrebuilt(host: AddonHost): AddonLoad<unknown> {
  const { root, platform, arch, hasGlibc } = host;
  const require = createRequire(path.join(root, 'package.json'));
  const target = `${platform}-${arch}`;
  if (!prebuiltPlatforms.includes(target)) return { reason: `none is prebuilt for ${target}` };
  const name = `@igcnet/${target}`;
  let manifest: string;
  try {
    manifest = require.resolve(`${name}/package.json`);
  } catch {
    return hasGlibc()
      ? { reason: `${name}, an optional dependency that has it, is not installed` }
      : { reason: `none is prebuilt for ${target} without glibc` };
  }
  const [wanted, got] = [path.join(root, 'package.json'), manifest].map(versionOf);
  if (wanted !== got) {
    return {
      reason: `${name} must have igcnet's version ${wanted}, got ${got} (npm install igcnet@${wanted} brings both)`,
    };
  }
  return loadFile(path.join(path.dirname(manifest), 'igcnet.node'), `of ${name} ${got}`);
}

function versionOf(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

function loadFile(file: string, from: string): AddonLoad<unknown> {
  try {
    return { addon: createRequire(file)(file), from };
  } catch (error) {
    const text = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { reason: `the addon ${from} does not load (${text})` };
  }
}

/** Which addon is loaded, and what is said when none is: with made-up packages, on made-up machines. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type AddonHost, findAddon } from '../../src/core/addon.ts';

interface Installed {
  /** Version of the platform's package; none is there without. */
  readonly prebuilt?: string;
  /** Whether there is a file where a local build is. */
  readonly built?: boolean;
  readonly host?: Partial<AddonHost>;
}

/** igcnet 1.2.3 with what is `installed` beside it; the addons are text, which no machine loads. */
function search({ prebuilt, built = false, host }: Installed) {
  const project = mkdtempSync(path.join(tmpdir(), 'igcnet-addon-'));
  onTestFinished(() => rmSync(project, { recursive: true, force: true }));
  const write = (file: string, text: string) => {
    const full = path.join(project, 'node_modules', file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text);
  };
  write('igcnet/package.json', '{ "name": "igcnet", "version": "1.2.3" }');
  if (built) write('igcnet/native/build/Release/igcnet.node', 'no addon');
  if (prebuilt !== undefined) {
    const manifest = { name: '@igcnet/linux-x64', version: prebuilt, main: 'igcnet.node' };
    write('@igcnet/linux-x64/package.json', JSON.stringify(manifest));
    write('@igcnet/linux-x64/igcnet.node', 'no addon either');
  }
  const root = path.join(project, 'node_modules', 'igcnet');
  const found = findAddon({
    ...{ root, platform: 'linux', arch: 'x64', hasGlibc: () => true, ...host },
  });
  return 'reason' in found ? found.reason : found.from;
}

it('says that neither a local build nor the package of the platform is there', () => {
  expect(search({})).toBe(
    'the addon is not built here, and @igcnet/linux-x64, an optional dependency that has it, is not installed',
  );
  expect(search({ host: { arch: 'arm64' }, prebuilt: '1.2.3' })).toBe(
    'the addon is not built here, and @igcnet/linux-arm64, an optional dependency that has it, is not installed',
  );
});

it('says on which machines none is prebuilt', () => {
  expect(search({ host: { platform: 'darwin', arch: 'arm64' } })).toBe(
    'the addon is not built here, and none is prebuilt for darwin-arm64',
  );
  expect(search({ host: { hasGlibc: () => false } })).toBe(
    'the addon is not built here, and none is prebuilt for linux-x64 without glibc',
  );
});

it('refuses a package of another version before it is loaded', () => {
  expect(search({ prebuilt: '1.2.2' })).toBe(
    "the addon is not built here, and @igcnet/linux-x64 must have igcnet's version 1.2.3, got 1.2.2 (npm install igcnet@1.2.3 brings both)",
  );
});

it('says why an addon does not load, the local build first, and goes on to the next', () => {
  const reason = search({ built: true, prebuilt: '1.2.3' });
  expect(reason).toMatch(
    /^the addon built here does not load \(\S+igcnet\/native\/build\/Release\/igcnet\.node: .+\), and the addon of @igcnet\/linux-x64 1\.2\.3 does not load \(\S+linux-x64\/igcnet\.node: .+\)$/,
  );
});

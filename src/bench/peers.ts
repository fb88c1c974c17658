/** Finds and starts the peers that are asked for; those that are not there are absent, with the reason. */
import { isJavaScriptPeer, startJavaScriptPeer } from './javascript-peers.ts';
import { startOpenvino } from './openvino-peer.ts';
import type { Absence, Peer, PeerName, PeerSetting } from './peer.ts';
import { findTorchPythons, startTorch } from './torch-peer.ts';

export interface StartedPeers {
  readonly peers: readonly Peer[];
  readonly absent: readonly Absence[];
  /** By name: the version (of torch: versions), or `absent`. */
  readonly versions: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Starts them one after the other; every name that is asked for is in `versions`. */
export async function startPeers(
  names: readonly PeerName[],
  setting: PeerSetting,
): Promise<StartedPeers> {
  const peers: Peer[] = [];
  const absent: Absence[] = [];
  const versions: Record<string, string> = {};
  for (const name of new Set(names)) {
    const started = await startByName(name, setting);
    const present = started.filter((peer): peer is Peer => !('reason' in peer));
    peers.push(...present);
    absent.push(...started.filter((peer): peer is Absence => 'reason' in peer));
    versions[name] = present.map(({ version }) => version).join(', ') || 'absent';
  }
  return {
    peers,
    absent,
    versions,
    async close() {
      for (const peer of peers) await peer.close();
    },
  };
}

async function startByName(
  name: PeerName,
  setting: PeerSetting,
): Promise<readonly (Peer | Absence)[]> {
  if (isJavaScriptPeer(name)) return [await startJavaScriptPeer(name, setting)];
  if (name === 'openvino') return [await startOpenvino(setting)];
  if (name === 'litert') return [{ name, reason: 'it reads no ONNX files' }];
  const pythons = findTorchPythons();
  if (pythons.length === 0) {
    return [{ name, reason: 'no python3 with torch; IGCNET_TORCH_PYTHON names one' }];
  }
  const started: (Peer | Absence)[] = [];
  for (const python of pythons) started.push(await startTorch(python, setting));
  return started;
}

/** PyTorch as a peer: every python that has it, each in a process that builds the same network. */
import { fileURLToPath } from 'node:url';
import { internalError } from '../core/errors.ts';
import { countCost } from '../theory/cost.ts';
import { type Absence, type Peer, type PeerSetting, startPeer } from './peer.ts';
import { hasModule, startProcess } from './peer-process.ts';

const script = fileURLToPath(new URL('../../bench/torch_peer.py', import.meta.url));

/** Pythons that have torch: those of IGCNET_TORCH_PYTHON (separated by `:`) and the system's. */
export function findTorchPythons(): readonly string[] {
  const given = (process.env.IGCNET_TORCH_PYTHON ?? '').split(':').filter((path) => path !== '');
  const hasTorch = (python: string) => hasModule(python, 'torch');
  const system = ['/usr/bin/python3', 'python3'].find(hasTorch);
  const pythons = [...given.filter(hasTorch), ...(system ? [system] : [])];
  return [...new Set(pythons)];
}

/** One python's torch. */
export async function startTorch(
  python: string,
  { spec, batch, threads }: PeerSetting,
): Promise<Peer | Absence> {
  const env = { OMP_NUM_THREADS: `${threads}`, MKL_NUM_THREADS: `${threads}` };
  const child = startProcess(python, [script], env);
  const started = await startPeer('torch', child, { spec, batch, threads });
  if ('reason' in started) return started;
  const { params } = countCost(spec, 'all');
  const { parameters } = started.answer;
  if (parameters === params) return started.peer;
  throw internalError(`torch's ${spec.name} has ${parameters} parameters, ours ${params}`);
}

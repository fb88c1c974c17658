/** PyTorch as a peer: a python process that builds the same network and times steps on request. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { IgcError, internalError } from '../core/errors.ts';
import type { NetSpec } from '../spec/network.ts';
import { countCost } from '../theory/cost.ts';

export interface TorchPeer {
  readonly version: string;
  readonly layouts: readonly string[];
  /** Milliseconds of each of `steps` steps. */
  time(what: 'train' | 'inference', layout: string, steps: number): Promise<readonly number[]>;
  close(): void;
}

const script = fileURLToPath(new URL('../../bench/torch_peer.py', import.meta.url));

/** A python that imports torch, or undefined. */
function findTorchPython(): string | undefined {
  const candidates = [process.env.IGCNET_TORCH_PYTHON, '/usr/bin/python3', 'python3'];
  return candidates.find(
    (python) =>
      python && spawnSync(python, ['-c', 'import torch'], { timeout: 60_000 }).status === 0,
  );
}

/** Starts the peer, or gives undefined where torch is absent. */
export async function startTorch(
  spec: NetSpec,
  batch: number,
  threads: number,
): Promise<TorchPeer | undefined> {
  const python = findTorchPython();
  if (!python) return undefined;
  const env = { ...process.env, OMP_NUM_THREADS: `${threads}`, MKL_NUM_THREADS: `${threads}` };
  const child = spawn(python, [script], { env });
  const ask = conversation(child);
  const { version, layouts, parameters } = await ask({ do: 'start', spec, batch, threads });
  const { params } = countCost(spec, 'all');
  if (parameters !== params) {
    throw internalError(`torch's ${spec.name} has ${parameters} parameters, ours ${params}`);
  }
  return {
    version: version as string,
    layouts: layouts as string[],
    async time(what, layout, steps) {
      return (await ask({ do: what, layout, steps })).ms as number[];
    },
    close: () => child.stdin.end(),
  };
}

type Answer = Record<string, unknown>;

/** One line there, one line back. */
function conversation(child: ChildProcessWithoutNullStreams): (request: object) => Promise<Answer> {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) {
      throw new IgcError(
        'failure',
        `torch: the peer ended, got ${errors.trim().split('\n').at(-1)}`,
      );
    }
    return JSON.parse(value) as Answer;
  };
}

/** Other engines that run the same network, each in its own process and in several layouts. */
import type { NetSpec } from '../spec/network.ts';
import type { Work } from '../train/repeatable-step.ts';
import type { Answer, PeerProcess } from './peer-process.ts';

export const peerNames = [
  'torch',
  'onnxruntime-node',
  'onnxruntime-web',
  'jax-js',
  'openvino',
  'litert',
] as const;
export type PeerName = (typeof peerNames)[number];

/** What a peer is to run. */
export interface PeerSetting {
  readonly spec: NetSpec;
  readonly batch: number;
  /** Of each engine, but for those that have only one. */
  readonly threads: number;
}

export interface Peer {
  readonly name: PeerName;
  readonly version: string;
  /** Ways in which it runs the network: memory layouts, compilers. */
  readonly layouts: Readonly<Record<Work, readonly string[]>>;
  /** Milliseconds of each of `steps` steps, or why that layout cannot run. */
  time(work: Work, layout: string, steps: number): Promise<readonly number[] | string>;
  /** Its process, for what only some peers can be asked. */
  readonly process: PeerProcess;
  close(): Promise<void>;
}

/** Why there is no such peer. */
export interface Absence {
  readonly name: PeerName;
  readonly reason: string;
}

/** Sends `start` and wraps the process; a peer that cannot start is absent, with what it said. */
export async function startPeer(
  name: PeerName,
  child: PeerProcess,
  request: object,
): Promise<{ readonly peer: Peer; readonly answer: Answer } | Absence> {
  try {
    const answer = await child.ask({ do: 'start', ...request });
    if (typeof answer.error === 'string') throw new Error(answer.error);
    const peer: Peer = {
      name,
      version: answer.version as string,
      layouts: answer.layouts as Peer['layouts'],
      async time(work, layout, steps) {
        const { ms, error } = await child.ask({ do: work, layout, steps });
        return ms === undefined ? String(error) : (ms as number[]);
      },
      process: child,
      close: child.close,
    };
    return { peer, answer };
  } catch (error) {
    await child.close();
    return { name, reason: error instanceof Error ? error.message : String(error) };
  }
}

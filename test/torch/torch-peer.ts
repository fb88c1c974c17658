/**
 * Finds a Python with torch, and runs peer.py in a temporary folder of raw tensors, deleted
 * afterwards.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RealArray } from '../../src/kernels/contract.ts';

/** A tensor for or from torch. */
export interface PeerTensor {
  readonly shape: readonly number[];
  readonly values: RealArray | Int32Array;
}

interface TensorEntry {
  readonly name: string;
  readonly type: 'float64' | 'float32' | 'int32';
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
}

const arrayTypes = { float64: Float64Array, float32: Float32Array, int32: Int32Array } as const;

/** The first Python that can import torch. */
export const pythonWithTorch: string | undefined = ['/usr/bin/python3', 'python3'].find(
  (python) => {
    try {
      execFileSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  },
);

/** Runs one job of peer.py; throws with Python's traceback. */
export function askPeer(
  python: string,
  job: object,
  tensors: ReadonlyMap<string, PeerTensor>,
): ReadonlyMap<string, RealArray> {
  const folder = mkdtempSync(join(tmpdir(), 'igcnet-torch-'));
  try {
    let offset = 0;
    const entries = [...tensors].map(([name, { shape, values }]): TensorEntry => {
      const type =
        values instanceof Int32Array
          ? 'int32'
          : values instanceof Float32Array
            ? 'float32'
            : 'float64';
      const entry = { name, type, shape, offset } as const;
      offset += values.byteLength;
      return entry;
    });
    const bytes = [...tensors.values()].map(({ values }) => bytesOf(values));
    writeFileSync(join(folder, 'job.bin'), Buffer.concat(bytes));
    writeFileSync(join(folder, 'job.json'), JSON.stringify({ ...job, tensors: entries }));
    const peer = fileURLToPath(new URL('./peer.py', import.meta.url));
    execFileSync(python, [peer, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    return readResult(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: RealArray | Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function readResult(folder: string): ReadonlyMap<string, RealArray> {
  const { tensors } = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as {
    tensors: TensorEntry[];
  };
  const data = readFileSync(join(folder, 'result.bin'));
  return new Map(
    tensors.map(({ name, type, shape, offset }) => {
      const arrayType = arrayTypes[type];
      const size = shape.reduce((product, n) => product * n, 1) * arrayType.BYTES_PER_ELEMENT;
      const copy = new Uint8Array(data.subarray(offset, offset + size));
      return [name, new arrayType(copy.buffer) as RealArray];
    }),
  );
}

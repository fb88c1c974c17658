/**
 * Finds a Python with torch, and gives peer.py one job after another (importing torch takes longer than most), each
 * in a temporary folder of raw tensors.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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

/** The first Python that has torch; it is not imported to find out. */
export const pythonWithTorch: string | undefined = ['/usr/bin/python3', 'python3'].find(
  (python) => {
    try {
      execFileSync(
        python,
        ['-c', 'import importlib.util as u, numpy; assert u.find_spec("torch")'],
        { stdio: 'ignore' },
      );
      return true;
    } catch {
      return false;
    }
  },
);

/** peer.py, waiting for jobs. */
export interface Peer {
  /** Runs one job; throws with Python's traceback. */
  ask(
    job: object,
    tensors: ReadonlyMap<string, PeerTensor>,
  ): Promise<ReadonlyMap<string, RealArray>>;
  close(): void;
}

export function startPeer(python: string): Peer {
  const script = fileURLToPath(new URL('./peer.py', import.meta.url));
  const child = spawn(python, [script]);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  return {
    ask: (job, tensors) =>
      inFolder(job, tensors, async (folder) => {
        child.stdin.write(`${folder}\n`);
        if ((await answers.next()).done) throw new Error(`peer.py ended: ${errors}`);
      }),
    close: () => child.stdin.end(),
  };
}

/** Writes the job to a folder, has it done, and reads what was computed. */
async function inFolder(
  job: object,
  tensors: ReadonlyMap<string, PeerTensor>,
  compute: (folder: string) => Promise<void>,
): Promise<ReadonlyMap<string, RealArray>> {
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
    await compute(folder);
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

/** Measures the networks of runs for the page, each in a thread of its own, one at a time; those who ask for the same share it. */
import { Worker } from 'node:worker_threads';
import { internalError } from '../core/errors.ts';
import { fromPlainError, type PlainError } from '../core/plain-error.ts';
import { workerUrl } from '../core/worker-url.ts';
import type { PageMistakes } from './page-data.ts';

/** Who waits for a measurement, and how to give it up. */
export interface Measuring {
  /** The mistakes of the run in `folder`; given up when nobody waits any more: `signal` says who has gone. */
  measure(folder: string, signal: AbortSignal): Promise<PageMistakes>;
  close(): Promise<void>;
}

interface Going {
  readonly result: Promise<PageMistakes>;
  readonly stop: () => void;
  waiting: number;
}

/** Nothing is measured until somebody asks. */
export function makeMeasuring(): Measuring {
  const going = new Map<string, Going>();
  let last: Promise<unknown> = Promise.resolve();
  const begin = (folder: string): Going => {
    let worker: Worker | undefined;
    let isGivenUp = false;
    const result = last.then(() => {
      if (isGivenUp) throw internalError('nobody waits for it');
      worker = startWorker(folder);
      return resultOf(worker);
    });
    last = result.catch(() => {});
    const stop = () => {
      isGivenUp = true;
      going.delete(folder);
      void worker?.terminate();
    };
    result.then(stop, stop);
    return { result, stop, waiting: 0 };
  };
  return {
    measure(folder, signal) {
      const one = going.get(folder) ?? begin(folder);
      going.set(folder, one);
      one.waiting++;
      signal.addEventListener('abort', () => {
        if (--one.waiting === 0) one.stop();
      });
      return one.result;
    },
    async close() {
      for (const { stop } of going.values()) stop();
      await last;
    },
  };
}

function startWorker(folder: string): Worker {
  return new Worker(workerUrl(import.meta.url, 'mistakes-worker'), { workerData: folder });
}

function resultOf(worker: Worker): Promise<PageMistakes> {
  return new Promise((resolve, reject) => {
    worker.once('message', (message: { mistakes?: PageMistakes; error?: PlainError }) => {
      if (message.mistakes) resolve(message.mistakes);
      else reject(fromPlainError(message.error!));
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(internalError('the thread that measures a run ended')));
  });
}

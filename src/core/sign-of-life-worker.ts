/** Entry of the thread that keeps a lock's time of change fresh; process-lock.ts starts it. Ends when the lock is another's. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { codeOf } from './durable-files.ts';
import type { SignOfLifeTask } from './process-lock.ts';

const { lock, text, everyMs } = workerData as SignOfLifeTask;

const timer = setInterval(() => {
  if (isStillOurs()) return;
  clearInterval(timer);
  parentPort?.postMessage('lost');
}, everyMs);

/** Writes the same bytes over themselves: the file's time becomes the disk's own, and readers see no difference. */
function isStillOurs(): boolean {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(lock, 'r+');
    if (readFileSync(descriptor, 'utf8') !== text) return false;
    writeSync(descriptor, text, 0);
  } catch (error) {
    return codeOf(error) !== 'ENOENT'; // any other trouble of the disk may pass
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  return true;
}

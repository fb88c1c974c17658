/** Entry of the trainer's thread; train.ts starts it. Posts events, then the error if there was one. */
import { parentPort, workerData } from 'node:worker_threads';
import { internalError } from '../core/errors.ts';
import { toPlainError } from '../core/plain-error.ts';
import { runTraining } from './run-training.ts';
import { stopReasons, type TrainerData, type TrainerMessage } from './trainer-messages.ts';

const { task, stop, stepEventMs, command } = workerData as TrainerData;
const flag = new Int32Array(stop);
const port = parentPort;
if (port === null) throw internalError('train-worker must be started as a worker');
const post = (message: TrainerMessage) => port.postMessage(message);

try {
  const reason = () => stopReasons[Atomics.load(flag, 0)];
  const isStopped = () => reason() !== 'not';
  const stoppedBy = () => (reason() === 'time' ? 'its time limit' : undefined);
  for await (const event of runTraining(task, { isStopped, stoppedBy, stepEventMs, command })) {
    post({ kind: 'event', event });
  }
  post({ kind: 'end' });
} catch (error) {
  post({ kind: 'error', error: toPlainError(error) });
}

/** One rank of a team of threads: trains what it is told to, with the built library, and posts what came of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { runTraining } from '../../dist/train/run-training.js';
import { threadTeam } from './thread-team.mjs';

const { memory, rank, ranks, task, overlap, stopAfter, stopper } = workerData;
let steps = 0;
const control = {
  isStopped: () => rank === stopper && steps >= stopAfter,
  stepEventMs: 0,
  command: ['test'],
  team: threadTeam(memory, rank, ranks),
  overlap,
};
const events = [];
let error;
try {
  for await (const event of runTraining(task, control)) {
    if (event.kind === 'step') steps++;
    events.push(event);
  }
} catch (thrown) {
  error = { kind: thrown.kind, message: thrown.message };
}
parentPort.postMessage({ events, error });

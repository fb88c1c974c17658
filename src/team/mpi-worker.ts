/** Entry of the thread that calls MPI; mpi-team.ts starts it. Does one job after the other, blocking in each. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { internalError } from '../core/errors.ts';
import { toPlainError } from '../core/plain-error.ts';
import { type Mpi, startMpi } from './mpi.ts';
import {
  announce,
  asked,
  done,
  type MpiAnswer,
  type MpiJob,
  type MpiWorkerData,
} from './mpi-jobs.ts';

const { control: memory, port } = workerData as MpiWorkerData;
const control = new Int32Array(memory);
const answer = (message: MpiAnswer) => port.postMessage(message);
let mpi: Mpi | undefined;

async function perform(job: MpiJob): Promise<void> {
  if (job.kind === 'start') {
    mpi = await startMpi();
    const { library, rank, ranks } = mpi;
    return answer({ started: { library, rank, ranks } });
  }
  if (mpi === undefined) throw internalError(`${job.kind} came before MPI was started`);
  switch (job.kind) {
    case 'sum':
      return mpi.sum(job.values);
    case 'broadcast':
      return mpi.broadcast(job.bytes);
    case 'finalize':
      return mpi.finalize();
  }
}

function nextJob(): MpiJob {
  const received = receiveMessageOnPort(port);
  if (received === undefined) throw internalError('MPI was asked for a job that is not there');
  return received.message as MpiJob;
}

for (let number = 0, isOver = false; !isOver; number++) {
  // In a loop: a notification of the job before may come late, and wake for nothing.
  while (Atomics.load(control, asked) === number) Atomics.wait(control, asked, number);
  try {
    const job = nextJob();
    await perform(job);
    isOver = job.kind === 'finalize';
    announce(control, done, number + 1);
  } catch (error) {
    isOver = true;
    answer({ error: toPlainError(error) });
    announce(control, done, -1 - number);
  }
}
port.close();

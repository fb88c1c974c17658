/** Entry of the trainer's thread; train.ts starts it. Posts events, then the error if there was one. */
import { parentPort, workerData } from 'node:worker_threads';
import { IgcError, internalError } from '../core/errors.ts';
import { toPlainError } from '../core/plain-error.ts';
import { joinMpiTeam } from '../team/mpi-team.ts';
import { soloTeam, type Team } from '../team/team.ts';
import { isAgreed } from './agreement.ts';
import { runTraining } from './run-training.ts';
import { stopReasons, type TrainerData, type TrainerMessage } from './trainer-messages.ts';

const { task, stop, stepEventMs, command, dist } = workerData as TrainerData;
const flag = new Int32Array(stop);
const port = parentPort;
if (port === null) throw internalError('train-worker must be started as a worker');
const post = (message: TrainerMessage) => port.postMessage(message);

/** Ends the team with all ranks, which an error that is not theirs too makes impossible. */
function leave(team: Team, error: unknown): void {
  try {
    if (isAgreed(error) && !team.isLost) team.close();
  } catch {
    // Then the team is lost, and the error that it ends by is the one to hear of.
  }
}

/** The error as the user of this process shall see it. */
function told(error: unknown, { rank }: Team): unknown {
  if (rank === 0 || !(error instanceof IgcError) || !isAgreed(error)) return error;
  return new IgcError(error.kind, error.message, { cause: error, isToldElsewhere: true });
}

let team: Team | undefined;
try {
  team = dist === undefined ? soloTeam() : joinMpiTeam(dist);
  const reason = () => stopReasons[Atomics.load(flag, 0)];
  const isStopped = () => reason() !== 'not';
  const stoppedBy = () => (reason() === 'time' ? 'its time limit' : undefined);
  const control = { isStopped, stoppedBy, stepEventMs, command, team, overlap: dist?.overlap };
  for await (const event of runTraining(task, control)) post({ kind: 'event', event });
  team.close();
  post({ kind: 'end' });
} catch (error) {
  if (team !== undefined) leave(team, error);
  const isStuck = dist !== undefined && (!team || team.isLost || !isAgreed(error));
  post({ kind: 'error', error: toPlainError(team ? told(error, team) : error), isStuck });
}

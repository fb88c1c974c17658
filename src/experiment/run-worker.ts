/**
 * Entry of the process of one run of an experiment; run-process.ts starts it. A process and no thread, so that a run that
 * dies takes no other with it. Stops with a checkpoint when it is told to, or when the experiment is gone.
 */
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { exitCodes, IgcError } from '../core/errors.ts';
import { toPlainError } from '../core/plain-error.ts';
import { releaseProcessLock, takeProcessLock } from '../core/process-lock.ts';
import { evaluateRun } from '../train/load.ts';
import { train } from '../train/train.ts';
import { evaluationFolder, writeEvaluation } from './evaluation-files.ts';
import type { RunMessage, RunRequest, RunTask } from './run-messages.ts';
import { isComplete, readRunRecord } from './run-record.ts';

const stop = new AbortController();
// A terminal's Ctrl-C comes to every process of the group; the experiment decides what it means.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
// A scheduler's signals come to every process of a job, too, and mean one thing.
for (const signal of ['SIGTERM', 'SIGUSR1'] as const) process.on(signal, () => stop.abort());
process.on('disconnect', () => stop.abort());
process.on('message', (request: RunRequest) => {
  if (request.kind === 'stop') stop.abort();
  else void run(request).finally(() => process.disconnect?.());
});

async function run(task: RunTask): Promise<void> {
  const { lock } = task;
  try {
    if (!claim(lock)) return await post({ kind: 'taken' });
    await trainToItsEnd(task);
    await evaluate(task);
    await post({ kind: 'end' });
  } catch (error) {
    await post({ kind: 'error', error: toPlainError(error) });
  } finally {
    releaseProcessLock(lock);
  }
}

/** False when another process has the run. */
function claim(lock: string): boolean {
  let isTaken = false;
  const inUse = () => {
    isTaken = true;
    return new IgcError('failure', `${lock}: is held by another process`);
  };
  // Not even a checkpoint more, when it was taken over: another process writes them now.
  const onLost = () => void post({ kind: 'taken' }).finally(() => process.exit(exitCodes.failure));
  try {
    takeProcessLock(lock, inUse, onLost);
    return true;
  } catch (error) {
    if (isTaken) return false;
    throw error;
  }
}

async function trainToItsEnd({ folder, config, command }: RunTask): Promise<void> {
  const hasBegun = existsSync(path.join(folder, 'config.json'));
  if (hasBegun && isComplete(readRunRecord(folder), [])) return;
  // An empty folder, as a person may leave it, is in nobody's way.
  if (!hasBegun && existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
  const { threads, kernels, data } = config;
  const request = hasBegun ? { threads, kernels, data: { dir: data.dir ?? undefined } } : config;
  const resume = hasBegun ? folder : undefined;
  for await (const event of train(request, { signal: stop.signal, resume, command })) {
    void post({ kind: 'event', event });
  }
}

async function evaluate({ folder, evaluate: splits, config }: RunTask): Promise<void> {
  for (const split of splits) {
    if (isComplete(readRunRecord(folder), [split])) continue;
    const { kernels, threads } = config;
    const evaluation = await evaluateRun(folder, { split, kernels, threads });
    writeEvaluation(evaluationFolder(folder, split), evaluation);
  }
}

/** Resolves when the message has left, or nobody is there to hear it. */
function post(message: RunMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) resolve();
    else process.send!(message, () => resolve());
  });
}

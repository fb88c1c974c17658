/**
 * Ctrl-C: the first asks the run to stop after its step and leave a checkpoint, a later one ends the process at
 * once. A terminal that hangs up or a scheduler's SIGTERM counts as the first.
 */
import { exitCodes } from '../core/errors.ts';

/** For those who are told to stop by more signals, or by several that mean one thing. */
export interface InterruptOptions {
  /** SIGUSR1 counts too: a scheduler's word that the time is nearly over. */
  readonly userSignal?: boolean;
  /** A later signal does not end the process. */
  readonly isPatient?: boolean;
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** Stops listening. */
  release(): void;
}

const usualSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Under `npm start` one Ctrl-C comes twice: from the terminal and handed on by npm. */
const echoMs = 500;

/** Listens until released; `onFirst` is told once, of which signal it was. */
export function listenForInterrupt(
  onFirst: (name: NodeJS.Signals) => void,
  { userSignal = false, isPatient = false }: InterruptOptions = {},
): Interruption {
  const signals = userSignal ? ([...usualSignals, 'SIGUSR1'] as const) : usualSignals;
  const controller = new AbortController();
  let firstAt = 0;
  const listener = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      const isEcho = isPatient || performance.now() - firstAt <= echoMs;
      if (!isEcho) process.exit(exitCodes.interrupted);
      return;
    }
    firstAt = performance.now();
    controller.abort();
    onFirst(name);
  };
  for (const signal of signals) process.on(signal, listener);
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}

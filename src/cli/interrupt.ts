/**
 * Ctrl-C: the first asks the run to stop after its step and leave a checkpoint, a later one ends the process at
 * once. A terminal that hangs up or a scheduler's SIGTERM counts as the first.
 */
import { exitCodes } from '../core/errors.ts';

export interface Interruption {
  readonly signal: AbortSignal;
  /** Stops listening. */
  release(): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Under `npm start` one Ctrl-C comes twice: from the terminal and handed on by npm. */
const echoMs = 500;

/** Listens until released; `onFirst` is told once, of which signal it was. */
export function listenForInterrupt(onFirst: (name: NodeJS.Signals) => void): Interruption {
  const controller = new AbortController();
  let firstAt = 0;
  const listener = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (performance.now() - firstAt > echoMs) process.exit(exitCodes.interrupted);
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

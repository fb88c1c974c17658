/** Lets a few through at a time, first come, first served; who is called off while it waits is forgotten. */

/** A bound on what is done at once. */
export interface Gate {
  /** Does `job` when there is room. Rejects with the signal's reason when it aborts before that. */
  run<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T>;
}

/** A gate for at most `limit` jobs at once. */
export function makeGate(limit: number): Gate {
  const line: (() => void)[] = [];
  let inside = 0;
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const admit = () => {
        signal.removeEventListener('abort', giveUp);
        inside++;
        resolve();
      };
      const giveUp = () => {
        line.splice(line.indexOf(admit), 1);
        reject(signal.reason);
      };
      if (signal.aborted) return reject(signal.reason);
      if (inside < limit) return admit();
      line.push(admit);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  return {
    async run(signal, job) {
      await enter(signal);
      try {
        return await job();
      } finally {
        inside--;
        line.shift()?.();
      }
    },
  };
}

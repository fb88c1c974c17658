/** Events of several processes, in the order in which they come. */

export interface EventQueue<T> {
  put(event: T): void;
  size(): number;
  /** The next one, as soon as there is one; undefined when there was none for so long. */
  take(timeMs: number): Promise<T | undefined>;
}

export function eventQueue<T>(): EventQueue<T> {
  const waiting: T[] = [];
  let wake = () => {};
  return {
    put(event) {
      waiting.push(event);
      wake();
    },
    size: () => waiting.length,
    async take(timeMs) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return waiting.shift();
    },
  };
}

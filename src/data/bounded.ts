/**
 * Does many asynchronous jobs a few at a time.
 */

/**
 * Runs `job(0…count−1)`, at most `limit` at once. After a failure no further job is begun, and the failed job of
 * the lowest index is the one whose error is thrown, however the timing fell.
 */
export async function forEachBounded(
  count: number,
  limit: number,
  job: (index: number) => Promise<void>,
): Promise<void> {
  const failures = new Map<number, unknown>();
  let next = 0;
  const lane = async () => {
    while (next < count && failures.size === 0) {
      const index = next++;
      try {
        await job(index);
      } catch (error) {
        failures.set(index, error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, lane));
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
}

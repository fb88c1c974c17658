/**
 * Counts what a service does, as text for Prometheus.
 * @source https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4)
 */

/** Numbers of a service over its life. */
export interface Metrics {
  /** A request that has ended; `status` is `gone` when its client did not wait for the answer. */
  countRequest(path: string, status: string, timeMs: number): void;
  countBatch(images: number): void;
  countRefusedConnection(): void;
  /** All of it, with what only the service knows at this moment. */
  text(now: Levels): string;
}

/** What goes up and down. */
export interface Levels {
  readonly waiting: number;
  readonly connections: number;
  readonly bodyBytes: number;
}

interface Histogram {
  add(value: number): void;
  lines(): readonly string[];
}

const latencies = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `largestBatch` bounds the histogram of batch sizes. */
export function makeMetrics(largestBatch: number): Metrics {
  const sizes = Array.from({ length: 1 + Math.ceil(Math.log2(largestBatch)) }, (_, i) => 2 ** i);
  const duration = makeHistogram('igc_request_duration_seconds', latencies);
  const batches = makeHistogram('igc_batch_images', sizes);
  const requests = new Map<string, number>();
  let images = 0;
  let refused = 0;
  return {
    countRequest(path, status, timeMs) {
      const labels = `path="${path}",status="${status}"`;
      requests.set(labels, (requests.get(labels) ?? 0) + 1);
      duration.add(timeMs / 1000);
    },
    countBatch(count) {
      images += count;
      batches.add(count);
    },
    countRefusedConnection() {
      refused++;
    },
    text(now) {
      const requestLines = [...requests].map(([labels, n]) => `igc_requests_total{${labels}} ${n}`);
      const metrics = [
        describe('igc_requests_total', 'counter', 'requests that have ended', requestLines),
        describe('igc_request_duration_seconds', 'histogram', 'of requests', duration.lines()),
        single('igc_images_total', 'counter', 'images computed', images),
        describe('igc_batch_images', 'histogram', 'images computed at once', batches.lines()),
        single('igc_queue_images', 'gauge', 'images that wait', now.waiting),
        single('igc_body_bytes', 'gauge', 'bodies held', now.bodyBytes),
        single('igc_connections', 'gauge', 'open connections', now.connections),
        single('igc_connections_refused_total', 'counter', 'beyond the limit', refused),
        ...processMetrics(),
      ];
      return `${metrics.flat().join('\n')}\n`;
    },
  };
}

function processMetrics(): readonly (readonly string[])[] {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const seconds = (user + system) / 1e6;
  return [
    single('process_resident_memory_bytes', 'gauge', 'memory of the process', rss),
    single('nodejs_heap_used_bytes', 'gauge', "JavaScript's part of it", heapUsed),
    single('process_cpu_seconds_total', 'counter', 'of all threads', seconds),
    single('process_uptime_seconds', 'gauge', 'since the process began', process.uptime()),
  ];
}

function makeHistogram(name: string, bounds: readonly number[]): Histogram {
  const counts = new Array<number>(bounds.length).fill(0); // of values up to each bound
  let [sum, count] = [0, 0];
  return {
    add(value) {
      sum += value;
      count++;
      for (const [i, bound] of bounds.entries()) if (value <= bound) counts[i]!++;
    },
    lines: () => [
      ...bounds.map((bound, i) => `${name}_bucket{le="${bound}"} ${counts[i]}`),
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${sum}`,
      `${name}_count ${count}`,
    ],
  };
}

type Kind = 'counter' | 'gauge' | 'histogram';

function single(name: string, kind: Kind, help: string, value: number): readonly string[] {
  return describe(name, kind, help, [`${name} ${value}`]);
}

function describe(name: string, kind: Kind, help: string, lines: readonly string[]) {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines];
}

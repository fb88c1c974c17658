/**
 * What changes in a folder of runs, whoever trains them: looked at once a second while somebody listens, and told as the
 * page's events.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { RunRecord } from '../experiment/run-record.ts';
import { type PageEvent, pageRecords, pageRows, pageRun, runIdOf } from './page-data.ts';

/** Told of each event until it unsubscribes. */
export type Listener = (event: PageEvent) => void;

/** Tells those who listen what changes. */
export interface RunFeed {
  /** Begins with the list of runs; returns what ends it. */
  subscribe(listener: Listener): () => void;
  /** Tells everybody. */
  send(event: PageEvent): void;
  close(): void;
}

const everyMs = 1000;

/** Watches the folder `root`, which need not exist, while somebody listens. */
export function makeRunFeed(root: string): RunFeed {
  const listeners = new Set<Listener>();
  let timer: NodeJS.Timeout | undefined;
  let lastList = '';
  const stamps = new Map<string, string>();
  const send = (event: PageEvent) => {
    for (const listener of listeners) listener(event);
  };
  const look = () => {
    const records = pageRecords(root);
    const runs = records.map((record) => pageRun(root, record));
    const list = JSON.stringify(runs);
    if (list !== lastList) send({ kind: 'runs', runs });
    lastList = list;
    for (const record of records) {
      const id = runIdOf(root, record);
      const stamp = stampOf(record);
      const before = stamps.get(id);
      stamps.set(id, stamp);
      if (before !== stamp) send({ kind: 'rows', id, rows: pageRows(record) });
    }
  };
  return {
    subscribe(listener) {
      const records = pageRecords(root);
      listener({ kind: 'runs', runs: records.map((record) => pageRun(root, record)) });
      // Those that are there are asked for when they are wanted.
      if (!timer) for (const record of records) stamps.set(runIdOf(root, record), stampOf(record));
      listeners.add(listener);
      timer ??= setInterval(look, everyMs);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    send,
    close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
}

function stampOf({ folder }: RunRecord): string {
  try {
    const file = path.join(folder, 'metrics.jsonl');
    const { mtimeMs, size } = statSync(file);
    return `${mtimeMs} ${size}`;
  } catch {
    return 'none';
  }
}

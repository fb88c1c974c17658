/** The one run that may be started from the page: trained in a thread of this process, told to everybody who listens. */
import * as v from 'valibot';
import { IgcError, usageError } from '../core/errors.ts';
import { type ConfigOverrides, dataNames, resolveConfig } from '../train/config.ts';
import { train } from '../train/train.ts';
import type { RunFeed } from './run-feed.ts';

/** Starts runs, one at a time. */
export interface Starter {
  /**
   * Begins a run, and gives its id when it has begun. Throws usage errors for what it asks and while another is going on, and
   * whatever keeps it from beginning: data that are not there, a folder that cannot be written.
   */
  start(request: unknown): Promise<string>;
  /** Asks the run to stop after its step; it leaves a checkpoint. False when there is none. */
  stop(): boolean;
  /** Stops it and waits for its end. */
  close(): Promise<void>;
}

const text = v.pipe(v.string(), v.maxLength(200));
/** What the page's form says; everything else is the recipe's. */
const requestSchema = v.strictObject({
  data: v.picklist(dataNames),
  net: text,
  depth: v.pipe(v.number(), v.integer()),
  epochs: v.pipe(v.number(), v.integer()),
  seed: v.pipe(v.number(), v.integer()),
  name: v.nullable(text),
});

/** Starts runs into the folder `root`, and tells `feed` of their steps. */
export function makeStarter(root: string, feed: RunFeed): Starter {
  let stopping: AbortController | undefined;
  let running: Promise<void> | undefined;
  return {
    async start(request) {
      if (running) {
        throw usageError({ path: 'start', rule: 'one run at a time; stop the other first' });
      }
      const overrides = readRequest(request, root);
      stopping = new AbortController();
      const { signal } = stopping;
      let onBegin = () => {};
      let onFailure = (_: unknown) => {};
      const begun = new Promise<void>((resolve, reject) => {
        [onBegin, onFailure] = [resolve, reject];
      });
      running = follow({ overrides, signal, feed, onBegin })
        .catch(onFailure)
        .finally(() => {
          running = undefined;
        });
      await begun;
      return overrides.name;
    },
    stop() {
      stopping?.abort();
      return running !== undefined;
    },
    async close() {
      stopping?.abort();
      await running;
    },
  };
}

function readRequest(request: unknown, root: string): ConfigOverrides & { readonly name: string } {
  const parsed = v.safeParse(requestSchema, request);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw usageError({ path: v.getDotPath(issue) ?? 'start', rule: issue.message });
  }
  const { data, net, depth, epochs, seed, name } = parsed.output;
  const overrides = { data: { name: data }, net, depth, epochs, seed, output: root };
  const config = resolveConfig(undefined, { ...overrides, name });
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const chosen = config.name ?? `${net}-D${depth}-${data}-seed${seed}-${time}`;
  return { ...overrides, name: chosen };
}

interface Followed {
  readonly overrides: ConfigOverrides & { readonly name: string };
  readonly signal: AbortSignal;
  readonly feed: RunFeed;
  readonly onBegin: () => void;
}

/** Hands steps on, and tells everybody what ended the run where that was not its end. Throws what keeps it from beginning. */
async function follow({ overrides, signal, feed, onBegin }: Followed): Promise<void> {
  let hasBegun = false;
  const options = { signal, stepEventMs: 250, command: ['igc', 'ui'] };
  try {
    for await (const event of train(overrides, options)) {
      if (event.kind === 'step') feed.send({ kind: 'step', id: overrides.name, step: event });
      if (event.kind !== 'start') continue;
      hasBegun = true;
      onBegin();
    }
  } catch (error) {
    if (!hasBegun) throw error;
    if (error instanceof IgcError && error.kind === 'interrupted') return;
    feed.send({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
  }
}

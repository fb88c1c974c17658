/** A training in this page as signals: what the worker says, and the orders that it takes. */
import { createSignal, onCleanup } from 'solid-js';
import { createStore } from 'solid-js/store';
import { handOver } from '../shared/trained.ts';
import type { FromWorker, LearnImages, LearnRow, LearnSettings, ToWorker } from './messages.ts';

export type Begun = Extract<FromWorker, { kind: 'begin' }>;
export type Stepped = Extract<FromWorker, { kind: 'step' }>;
export type Done = Extract<FromWorker, { kind: 'done' }>;

/** How far a training has come. */
export interface TrainingState {
  readonly isBusy: boolean;
  readonly begun?: Begun | undefined;
  readonly step?: Stepped | undefined;
  readonly rows: readonly LearnRow[];
  readonly done?: Done | undefined;
  readonly problem?: unknown;
}

const nothing: TrainingState = {
  isBusy: false,
  begun: undefined,
  step: undefined,
  rows: [],
  done: undefined,
  problem: undefined,
};

/** One training at a time; `name` is what the trained network will be called. */
export function createTraining(name: () => string) {
  const [state, setState] = createStore<TrainingState>(nothing);
  const [worker, setWorker] = createSignal<Worker>();
  const end = (change: Partial<TrainingState>) => {
    worker()?.terminate();
    setWorker(undefined);
    setState({ ...change, isBusy: false });
  };
  let isGivenUp = false;
  onCleanup(() => {
    isGivenUp = true;
    worker()?.terminate();
  });
  const hear = ({ data: message }: MessageEvent<FromWorker>) => {
    if (message.kind === 'begin') setState({ begun: message });
    else if (message.kind === 'step') setState({ step: message });
    else if (message.kind === 'epoch') setState({ rows: [...state.rows, message.row] });
    else if (message.kind === 'error') end({ problem: new Error(message.message) });
    else {
      const accuracy = message.confusion.top1.toFixed(1);
      handOver({ name: `${name()}, ${accuracy} %`, file: new Blob([message.model]) });
      end({ done: message });
    }
  };
  return {
    state,
    /** Trains on what `read` gives: pixels, or the bytes of the digits. */
    async start(settings: LearnSettings, read: () => Promise<LearnImages | ArrayBuffer>) {
      setState({ ...nothing, isBusy: true });
      isGivenUp = false;
      try {
        const images = await read();
        if (isGivenUp) return setState({ isBusy: false });
        // In one expression, or the bundler does not see it.
        const started = new Worker(new URL('./learn-worker.ts', import.meta.url), {
          type: 'module',
        });
        setWorker(started);
        started.onmessage = hear;
        started.onerror = ({ message }) =>
          end({ problem: new Error(`worker: ${message || 'cannot be started'}`) });
        started.postMessage({ kind: 'start', settings, images } satisfies ToWorker);
      } catch (error) {
        end({ problem: error });
      }
    },
    /** While images are still read there is nothing to keep. */
    stop() {
      isGivenUp = true;
      worker()?.postMessage({ kind: 'stop' } satisfies ToWorker);
    },
    complain: (problem: unknown) => setState({ problem }),
  };
}

/** The runs of a folder as signals, told by the server as they go, or read once from a static site. */
import { createMemo, createSignal, onCleanup } from 'solid-js';
import { createStore } from 'solid-js/store';
import type { StepEvent } from '../../train/events.ts';
import type { PageEvent, PageRow, PageRun } from '../../ui/page-data.ts';
import { askInfo, askRun, askRuns, listen } from '../shared/api.ts';
import type { ComparedRun } from './run-charts.tsx';

export const mostCompared = 6;

export interface RunState {
  readonly runs: readonly PageRun[];
  readonly isLoaded: boolean;
  /** Whether it is known what `isLive` says. */
  readonly isKnown: boolean;
  /** Whether the runs are watched, and can be started and measured. */
  readonly isLive: boolean;
  readonly isLost: boolean;
  /** Ids, the last chosen last. */
  readonly chosen: readonly string[];
  readonly step?: { readonly id: string; readonly step: StepEvent };
  readonly problem?: unknown;
}

export function createRunStore() {
  const [state, setState] = createStore<RunState>({
    runs: [],
    isLoaded: false,
    isKnown: false,
    isLive: false,
    isLost: false,
    chosen: [],
  });
  const [rows, setRows] = createSignal<Readonly<Record<string, readonly PageRow[]>>>({});
  const complain = (problem: unknown) => setState({ problem });
  const readRows = async (id: string) => {
    try {
      const detail = await askRun(id);
      setRows((known) => ({ ...known, [id]: detail.rows }));
    } catch (error) {
      complain(error);
    }
  };
  const choose = (id: string, isOn: boolean) => {
    const others = state.chosen.filter((one) => one !== id);
    setState({ chosen: isOn ? [...others, id].slice(-mostCompared) : others });
    if (isOn && !rows()[id] && state.runs.some((run) => run.id === id)) readRows(id);
  };
  const takeRuns = (runs: readonly PageRun[]) => {
    setState({ runs, isLoaded: true });
    if (state.chosen.length === 0 && runs.length > 0) choose(preferred(runs).id, true);
  };
  const take = (event: PageEvent) => {
    if (event.kind === 'runs') takeRuns(event.runs);
    else if (event.kind === 'rows') setRows((known) => ({ ...known, [event.id]: event.rows }));
    else if (event.kind === 'step') setState({ step: event });
    else complain(new Error(event.message));
  };
  let stop = () => {};
  let isLeft = false;
  onCleanup(() => {
    isLeft = true;
    stop();
  });
  const follow = async () => {
    const { live } = await askInfo();
    setState({ isLive: live, isKnown: true });
    if (!live) takeRuns(await askRuns());
    else if (!isLeft) stop = listen(take, (isLost) => setState({ isLost }));
  };
  follow().catch((problem: unknown) => setState({ problem, isLoaded: true, isKnown: true }));
  const compared = createMemo((): readonly ComparedRun[] =>
    state.chosen.flatMap((id) => {
      const run = state.runs.find((one) => one.id === id);
      return run ? [{ run, rows: rows()[id] ?? [] }] : [];
    }),
  );
  return { state, compared, choose, complain };
}

/** What one wants to see first: what is being trained, else what was finished. */
function preferred(runs: readonly PageRun[]): PageRun {
  const by = (status: PageRun['status']) => runs.find((run) => run.status === status);
  return by('running') ?? by('unfinished') ?? by('finished') ?? runs[0]!;
}

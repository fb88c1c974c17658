/** Train: the runs of a folder as they go, compared, measured, and beside the paper. */
import { createResource, Show } from 'solid-js';
import type { StepEvent } from '../../train/events.ts';
import type { PageRow, PageRun, PageRunDetail } from '../../ui/page-data.ts';
import { askReport, askRun } from '../shared/api.ts';
import { type Figure, Figures } from '../shared/figures.tsx';
import { Problem } from '../shared/problem.tsx';
import { Measured } from './measured.tsx';
import { ReportTables } from './report-tables.tsx';
import { RunCharts } from './run-charts.tsx';
import { RunList } from './run-list.tsx';
import { createRunStore, mostCompared } from './run-store.ts';
import { StartForm } from './start-form.tsx';

export default function RunsView() {
  const { state, compared, choose, complain } = createRunStore();
  const last = () => compared().at(-1);
  const finished = () => state.runs.filter(({ status }) => status === 'finished').length;
  const isRunning = () => state.runs.some(({ status }) => status === 'running');
  const [report] = createResource(() => state.isLoaded && { finished: finished() }, askReport);
  const started = (id: string) => {
    complain(undefined);
    choose(id, true);
  };
  return (
    <>
      <h1>Runs</h1>
      <p class="lead">
        Every run in the folder, whoever trains it: choose up to {mostCompared} to compare. The
        result of a run is its last epoch; the best epoch is shown apart.
      </p>
      <Problem error={state.problem} />
      <Show when={state.isLost}>
        <Problem error="igcnet: the connection is lost; is igc ui still running? It is tried again." />
      </Show>
      {/* What is shown later must not move what is there. */}
      <Show when={state.isKnown} fallback={<p class="note">Loading …</p>}>
        <div class="columns">
          <div class="stack">
            <RunList
              runs={state.runs}
              isLoaded={state.isLoaded}
              chosen={state.chosen}
              onChoose={choose}
            />
            <Show when={state.isLive}>
              <StartForm onStarted={started} onProblem={complain} running={isRunning()} />
            </Show>
          </div>
          <div class="stack">
            <Now step={state.step} run={last()?.run} rows={last()?.rows ?? []} />
            <RunCharts compared={compared()} />
          </div>
        </div>
        <Show when={last()?.run}>{(run) => <MeasuredRun run={run()} isLive={state.isLive} />}</Show>
        <ReportTables
          report={report.error ? undefined : (report.latest ?? undefined)}
          error={report.error}
        />
      </Show>
    </>
  );
}

/** With the confusion matrix that `igc eval` left, if it did. */
function MeasuredRun(props: { readonly run: PageRun; readonly isLive: boolean }) {
  const key = () => ({ id: props.run.id, epochs: props.run.epochs });
  const [detail] = createResource(key, ({ id }): Promise<PageRunDetail> => askRun(id));
  const stored = () => {
    const found = detail.error ? undefined : detail.latest;
    return found?.id === props.run.id ? found.confusion : null;
  };
  return <Measured run={props.run} stored={stored()} live={props.isLive} />;
}

/** The newest figures of a run; of one that this page started, those of the last step. */
function Now(props: {
  readonly step: { readonly id: string; readonly step: StepEvent } | undefined;
  readonly run: PageRun | undefined;
  readonly rows: readonly PageRow[];
}) {
  const live = () => {
    const { run, step } = props;
    return run?.status === 'running' && step?.id === run.id ? step.step : undefined;
  };
  return (
    <section class="card" aria-label="The run now">
      <h2>{props.run?.id ?? 'No run chosen'}</h2>
      <Figures figures={figuresOf(props.run, props.rows.at(-1), live())} />
      <Problem error={props.run?.failure} />
    </section>
  );
}

function figuresOf(
  run: PageRun | undefined,
  row: PageRow | undefined,
  step: StepEvent | undefined,
): readonly Figure[] {
  const rate = step?.imagesPerSecond ?? row?.imagesPerSecond;
  const learningRate = step?.learningRate ?? row?.learningRate;
  const percent = (value: number | null | undefined) =>
    value == null ? '–' : `${value.toFixed(2)} %`;
  return [
    {
      name: 'Epoch',
      value: run ? `${run.epochs} / ${run.epochsWanted}` : '–',
      note: step ? `step ${step.stepInEpoch} of ${step.stepsPerEpoch}` : run?.status,
    },
    { name: 'Test accuracy', value: percent(run?.accuracy), note: 'last evaluated epoch' },
    {
      name: 'Best so far',
      value: percent(run?.best?.accuracy),
      note: run?.best ? `epoch ${run.best.epoch}, on ${run.best.on}` : '',
    },
    {
      name: 'Throughput',
      value: rate === undefined ? '–' : `${Math.round(rate).toLocaleString('en')} /s`,
      note: 'training images',
    },
    {
      name: 'Learning rate',
      value: learningRate === undefined ? '–' : `${Number(learningRate.toPrecision(3))}`,
    },
  ];
}

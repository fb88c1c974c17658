/** Train: the runs of a folder as they go, compared, measured, and beside the paper. */
import { createMemo, createResource, createSignal, For, onCleanup, Show } from 'solid-js';
import type { StepEvent } from '../../train/events.ts';
import type { PageRow, PageRun, PageRunDetail } from '../../ui/page-data.ts';
import { askInfo, askReport, askRun, askRuns, listen } from '../shared/api.ts';
import { Problem } from '../shared/problem.tsx';
import { Measured } from './measured.tsx';
import { ReportTables } from './report-tables.tsx';
import { RunCharts } from './run-charts.tsx';
import { RunList } from './run-list.tsx';
import { StartForm } from './start-form.tsx';

const mostCompared = 6;

export default function RunsView() {
  const [info] = createResource(askInfo);
  const [runs, setRuns] = createSignal<readonly PageRun[]>([]);
  const [rows, setRows] = createSignal<Readonly<Record<string, readonly PageRow[]>>>({});
  const [step, setStep] = createSignal<{ readonly id: string; readonly step: StepEvent }>();
  const [problem, setProblem] = createSignal<unknown>();
  const [isLost, setLost] = createSignal(false);
  const [isLoaded, setLoaded] = createSignal(false);
  const [chosen, setChosen] = createSignal<readonly string[]>([]);
  const takeRuns = (found: readonly PageRun[]) => {
    setRuns(found);
    setLoaded(true);
    if (chosen().length === 0 && found.length > 0) choose(preferred(found).id, true);
  };
  const choose = async (id: string, isOn: boolean) => {
    const others = chosen().filter((one) => one !== id);
    setChosen(isOn ? [...others, id].slice(-mostCompared) : others);
    if (!isOn || rows()[id]) return;
    try {
      const detail = await askRun(id);
      setRows({ ...rows(), [id]: detail.rows });
    } catch (error) {
      setProblem(error);
    }
  };
  const follow = async () => {
    try {
      if (!(await askInfo()).live) return takeRuns(await askRuns());
      const stop = listen((event) => {
        if (event.kind === 'runs') takeRuns(event.runs);
        else if (event.kind === 'rows') setRows({ ...rows(), [event.id]: event.rows });
        else if (event.kind === 'step') setStep(event);
        else setProblem(new Error(event.message));
      }, setLost);
      onStop = stop;
    } catch (error) {
      setProblem(error);
      setLoaded(true);
    }
  };
  let onStop = () => {};
  onCleanup(() => onStop());
  follow();
  const compared = createMemo(() =>
    chosen().flatMap((id) => {
      const run = runs().find((one) => one.id === id);
      return run ? [{ run, rows: rows()[id] ?? [] }] : [];
    }),
  );
  const last = () => compared().at(-1)?.run;
  const lastKey = () => {
    const run = last();
    return run && { id: run.id, epochs: run.epochs };
  };
  const [detail] = createResource(lastKey, ({ id }): Promise<PageRunDetail> => askRun(id));
  const [report] = createResource(
    () => isLoaded() && { runs: runs().filter(({ status }) => status === 'finished').length },
    () => askReport(),
  );
  const started = (id: string) => {
    setProblem(undefined);
    setChosen([...chosen(), id].slice(-mostCompared));
  };
  return (
    <>
      <h1>Runs</h1>
      <p class="lead">
        Every run in the folder, whoever trains it: choose up to {mostCompared} to compare. The
        result of a run is its last epoch; the best epoch is shown apart.
      </p>
      <Problem error={problem()} />
      <Show when={isLost()}>
        <p class="error" role="alert">
          igcnet: the connection is lost; is igc ui still running? It is tried again.
        </p>
      </Show>
      <div class="columns">
        <div class="stack">
          <RunList runs={runs()} isLoaded={isLoaded()} chosen={chosen()} onChoose={choose} />
          <Show when={info()?.live}>
            <StartForm
              onStarted={started}
              onProblem={setProblem}
              running={runs().some(({ status }) => status === 'running')}
            />
          </Show>
        </div>
        <div class="stack">
          <Now step={step()} run={last()} rows={compared().at(-1)?.rows ?? []} />
          <RunCharts compared={compared()} />
        </div>
      </div>
      <Show when={last()}>
        {(run) => (
          <Measured
            run={run()}
            stored={detail.latest?.id === run().id ? detail.latest.confusion : null}
            live={info()?.live ?? false}
          />
        )}
      </Show>
      <ReportTables report={report.latest ?? undefined} error={report.error} />
    </>
  );
}

/** What one wants to see first: what is being trained, else what was finished. */
function preferred(runs: readonly PageRun[]): PageRun {
  const by = (status: PageRun['status']) => runs.find((run) => run.status === status);
  return by('running') ?? by('unfinished') ?? by('finished') ?? runs[0]!;
}

/** The newest figures of a run; of one that this page started, those of the last step. */
function Now(props: {
  readonly step: { readonly id: string; readonly step: StepEvent } | undefined;
  readonly run: PageRun | undefined;
  readonly rows: readonly PageRow[];
}) {
  const live = () =>
    props.run?.status === 'running' && props.step?.id === props.run.id
      ? props.step.step
      : undefined;
  const row = () => props.rows.at(-1);
  const figures = (): readonly (readonly [string, string, string])[] => {
    const step = live();
    const { run } = props;
    const rate = step?.imagesPerSecond ?? row()?.imagesPerSecond;
    const learning = step?.learningRate ?? row()?.learningRate;
    const accuracy = run?.accuracy;
    return [
      [
        'Epoch',
        run ? `${run.epochs} / ${run.epochsWanted}` : '–',
        step ? `step ${step.stepInEpoch} of ${step.stepsPerEpoch}` : (run?.status ?? ''),
      ],
      [
        'Test accuracy',
        accuracy == null ? '–' : `${accuracy.toFixed(2)} %`,
        'last evaluated epoch',
      ],
      [
        'Best so far',
        run?.best ? `${run.best.accuracy.toFixed(2)} %` : '–',
        run?.best ? `epoch ${run.best.epoch}, on ${run.best.on}` : '',
      ],
      [
        'Throughput',
        rate === undefined ? '–' : `${Math.round(rate).toLocaleString('en')} /s`,
        'training images',
      ],
      [
        'Learning rate',
        learning === undefined ? '–' : Number(learning.toPrecision(3)).toString(),
        '',
      ],
    ];
  };
  return (
    <section class="card" aria-label="The run now">
      <h2>{props.run?.id ?? 'No run chosen'}</h2>
      <dl class="numbers">
        <For each={figures()}>
          {([name, value, note]) => (
            <div>
              <dt>{name}</dt>
              <dd>
                {value}
                <small>{note || ' '}</small>
              </dd>
            </div>
          )}
        </For>
      </dl>
      <Show when={props.run?.failure}>
        <p class="error">{props.run?.failure}</p>
      </Show>
    </section>
  );
}

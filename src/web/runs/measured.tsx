/** A run's network on the test images: who is taken for whom, and the mistakes of which it was surest. */
import { createEffect, createSignal, For, on, Show } from 'solid-js';
import type { PageConfusion, PageMistakes, PageRun } from '../../ui/page-data.ts';
import { askMistakes } from '../shared/api.ts';
import { Confusion } from '../shared/confusion.tsx';
import { Problem } from '../shared/problem.tsx';

export function Measured(props: {
  readonly run: PageRun;
  /** What `igc eval` left, if anything. */
  readonly stored: PageConfusion | null;
  readonly live: boolean;
}) {
  const [found, setFound] = createSignal<PageMistakes>();
  const [isBusy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<unknown>();
  const forget = () => {
    setFound(undefined);
    setProblem(undefined);
  };
  createEffect(on(() => props.run.id, forget));
  const measure = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      setFound(await askMistakes(props.run.id));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  const confusion = () => found()?.confusion ?? props.stored;
  return (
    <section class="card" style={{ 'margin-top': '1rem' }}>
      <h2>Confusion and mistakes of {props.run.id}</h2>
      <Show
        when={props.live}
        fallback={
          <Show when={!confusion()}>
            <p class="note">
              Not measured: <code>igc ui</code> measures the runs of your machine.
            </p>
          </Show>
        }
      >
        <div class="buttons">
          <button type="button" onClick={measure} disabled={isBusy() || !props.run.hasModel}>
            {isBusy() ? 'Measuring …' : 'Measure on the test images'}
          </button>
        </div>
      </Show>
      <Problem error={problem()} />
      <Show when={confusion()}>{(matrix) => <Confusion confusion={matrix()} />}</Show>
      <Show when={found()}>
        {(measured) => (
          <>
            <h3 style={{ 'margin-top': '1rem' }}>Mistakes of which it was surest</h3>
            <ul class="mistakes">
              <For each={measured().mistakes} fallback={<li>None.</li>}>
                {(mistake) => (
                  <li>
                    <img
                      src={mistake.image}
                      alt={`${mistake.truth}, taken for ${mistake.predicted}`}
                      width="112"
                      height="112"
                    />
                    <strong>{mistake.truth}</strong>, taken for <strong>{mistake.predicted}</strong>{' '}
                    ({(100 * mistake.probability).toFixed(0)} %, right{' '}
                    {(100 * mistake.truthProbability).toFixed(0)} %)
                  </li>
                )}
              </For>
            </ul>
          </>
        )}
      </Show>
    </section>
  );
}

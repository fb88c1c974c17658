/** The runs to choose from. */
import { createSignal, For, Show } from 'solid-js';
import type { PageRun } from '../../ui/page-data.ts';
import { colourOf } from '../shared/line-chart.tsx';

export function RunList(props: {
  readonly runs: readonly PageRun[];
  readonly isLoaded: boolean;
  readonly chosen: readonly string[];
  readonly onChoose: (id: string, isOn: boolean) => void;
}) {
  const [filter, setFilter] = createSignal('');
  const shown = () =>
    props.runs.filter((run) =>
      `${run.id} ${run.net} ${run.dataset} ${run.status}`
        .toLowerCase()
        .includes(filter().toLowerCase()),
    );
  return (
    <section class="card">
      <h2>{props.runs.length} runs</h2>
      <div class="field">
        <label for="filter">Show those with</label>
        <input
          id="filter"
          type="search"
          value={filter()}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
      </div>
      <Show when={props.isLoaded && props.runs.length === 0}>
        <p class="note">
          None yet. <code>npx igc train --data digits</code> makes one.
        </p>
      </Show>
      {/* It scrolls, so the keyboard must reach it. */}
      <section
        class="runs"
        tabindex="0"
        aria-label="Runs to choose from"
        style={{ 'min-height': '12rem' }}
      >
        <ul>
          <For each={shown()}>
            {(run) => {
              const place = () => props.chosen.indexOf(run.id);
              return (
                <li>
                  <label class="check">
                    <input
                      type="checkbox"
                      checked={place() >= 0}
                      onChange={(event) => props.onChoose(run.id, event.currentTarget.checked)}
                    />
                    <span>
                      <span style={{ color: 'var(--ink)' }}>
                        <Show when={place() >= 0}>
                          <svg width="12" height="12" aria-hidden="true">
                            <rect width="12" height="12" rx="3" fill={colourOf(place())} />
                          </svg>{' '}
                        </Show>
                        {run.id}
                      </span>
                      <small>
                        {run.net}, D={run.depth}, {run.dataset}; {run.status}, {run.epochs}/
                        {run.epochsWanted}
                        {run.accuracy === null ? '' : `, ${run.accuracy.toFixed(2)} %`}
                      </small>
                    </span>
                  </label>
                </li>
              );
            }}
          </For>
        </ul>
      </section>
    </section>
  );
}

/** The paper's tables beside ours. */
import { For, Match, Show, Switch } from 'solid-js';
import type { PageReport } from '../../ui/page-data.ts';
import { Problem } from '../shared/problem.tsx';

export function ReportTables(props: {
  readonly report: PageReport | undefined;
  readonly error: unknown;
}) {
  return (
    <section class="card" style={{ 'margin-top': '1rem' }}>
      <h2>Beside the paper</h2>
      <Problem error={props.error} />
      <Show when={props.report} fallback={<p class="note">Nothing to report yet.</p>}>
        {(report) => (
          <For each={report().sections}>
            {({ title, parts }) => (
              <details open={/^Table|^Figure/.test(title)}>
                <summary>{title || 'What the words mean'}</summary>
                <For each={parts}>
                  {(part) => (
                    <Switch>
                      <Match when={part.kind === 'text' && part}>
                        {(text) => <p class="note">{text().text}</p>}
                      </Match>
                      <Match when={part.kind === 'list' && part}>
                        {(list) => (
                          <ul class="note">
                            <For each={list().items}>{(item) => <li>{item}</li>}</For>
                          </ul>
                        )}
                      </Match>
                      <Match when={part.kind === 'table' && part}>
                        {(table) => <Table table={table().table} title={title} />}
                      </Match>
                    </Switch>
                  )}
                </For>
              </details>
            )}
          </For>
        )}
      </Show>
    </section>
  );
}

type TableData = Extract<
  PageReport['sections'][number]['parts'][number],
  { kind: 'table' }
>['table'];

function Table(props: { readonly table: TableData; readonly title: string }) {
  return (
    // It scrolls, so the keyboard must reach it.
    <section class="scroll" tabindex="0" aria-label={`Table: ${props.title}`}>
      <table>
        <thead>
          <tr>
            <For each={props.table.heads}>{(head) => <th scope="col">{head}</th>}</For>
          </tr>
        </thead>
        <tbody>
          <For each={props.table.rows}>
            {(row) => (
              <tr>
                <For each={row}>{(cell) => <td>{cell}</td>}</For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

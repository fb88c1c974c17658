/** The blocks of the curve as a table, for eyes and keyboards alike. */
import { For } from 'solid-js';
import { formatCount } from '../../draw/text-table.ts';
import type { Design, DesignRow } from '../../theory/design.ts';

const mostRows = 60;

export function BlockTable(props: {
  readonly design: Design;
  readonly L: number;
  readonly M: number;
  readonly onChoose: (row: DesignRow) => void;
}) {
  const rows = () => props.design.rows.toSorted((a, b) => b.width - a.width).slice(0, mostRows);
  const isCut = () => props.design.rows.length > mostRows;
  return (
    <details style={{ 'margin-top': '0.75rem' }}>
      <summary>
        {props.design.rows.length} blocks for the budget{isCut() ? `, the ${mostRows} widest` : ''}
      </summary>
      {/* It scrolls, so the keyboard must reach it. */}
      <section class="scroll" tabindex="0" aria-label="Blocks for the budget">
        <table>
          <thead>
            <tr>
              <For each={['L', 'M', 'width', 'parameters']}>
                {(head) => (
                  <th scope="col" class="number">
                    {head}
                  </th>
                )}
              </For>
              <td />
            </tr>
          </thead>
          <tbody>
            <For each={rows()}>
              {(row) => (
                <tr>
                  <td class="number">{row.L}</td>
                  <td class="number">{row.M}</td>
                  <td class="number">
                    {row.width}
                    {row.widest ? ' ★' : ''}
                  </td>
                  <td class="number">{formatCount(row.params)}</td>
                  <td>
                    <button
                      type="button"
                      aria-label={`Choose L=${row.L} M=${row.M}`}
                      disabled={row.L === props.L && row.M === props.M}
                      onClick={() => props.onChoose(row)}
                    >
                      choose
                    </button>
                    {row.advised ? ' M = 2, the paper’s advice' : ''}
                  </td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </section>
    </details>
  );
}

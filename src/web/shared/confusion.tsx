/** Who is taken for whom: rows are what images are, columns what the network says; the darker, the larger the share of the row. */
import { For } from 'solid-js';
import type { PageConfusion } from '../../ui/page-data.ts';

export function Confusion(props: { readonly confusion: PageConfusion }) {
  const shares = () =>
    props.confusion.counts.map((row) => {
      const sum = Math.max(
        1,
        row.reduce((total, n) => total + n, 0),
      );
      return row.map((n) => n / sum);
    });
  const isSmall = () => props.confusion.classes.length <= 20;
  return (
    // It scrolls, so the keyboard must reach it.
    <section class="scroll" tabindex="0" aria-label="Confusion matrix">
      <table class="confusion">
        <caption class="note">
          {props.confusion.top1.toFixed(2)} % of {props.confusion.images.toLocaleString('en')} test
          images right, epoch {props.confusion.epoch}; rows are what images are, columns what the
          network says
        </caption>
        <thead>
          <tr>
            <th scope="col" />
            <For each={props.confusion.classes}>
              {(name) => (
                <th scope="col" title={name}>
                  {short(name)}
                </th>
              )}
            </For>
          </tr>
        </thead>
        <tbody>
          <For each={props.confusion.counts}>
            {(row, i) => (
              <tr>
                <th scope="row">{props.confusion.classes[i()]}</th>
                <For each={row}>
                  {(count, j) => {
                    const share = () => shares()[i()]![j()]!;
                    return (
                      <td
                        class="number"
                        title={`${props.confusion.classes[i()]} taken for ${props.confusion.classes[j()]}: ${count}`}
                        style={{
                          background: `color-mix(in oklab, ${i() === j() ? 'var(--good)' : 'var(--bad)'} ${Math.round(80 * Math.sqrt(share()))}%, var(--card))`,
                          color: share() > 0.35 ? 'var(--card)' : undefined,
                        }}
                      >
                        {isSmall() && count > 0 ? count : ''}
                      </td>
                    );
                  }}
                </For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

const short = (name: string) => (name.length > 6 ? `${name.slice(0, 5)}…` : name);

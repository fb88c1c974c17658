/** A few numbers at a glance: what each is, its value, and a note. */
import { Index } from 'solid-js';

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly note?: string | undefined;
  /** For tests to find it by. */
  readonly id?: string | undefined;
}

export function Figures(props: { readonly figures: readonly Figure[] }) {
  return (
    <dl class="numbers">
      <Index each={props.figures}>
        {(figure) => (
          <div>
            <dt>{figure().name}</dt>
            <dd data-testid={figure().id}>
              {figure().value}
              {/* Never empty, so that nothing moves when it is said. */}
              <small>{figure().note || ' '}</small>
            </dd>
          </div>
        )}
      </Index>
    </dl>
  );
}

/**
 * Table 1 as a curve: how wide a block of a budget is for every L, with the optimum of eq. (15), the blocks of whole L
 * and M that the budget buys, and the one that was chosen.
 * Letters: L primary partitions, M channels of each, T the budget in parameters, S the taps of the primary kernel.
 */
import { createMemo, For, Index, Show } from 'solid-js';
import type { Design, DesignRow } from '../../theory/design.ts';
import { createWidth } from '../shared/width.ts';

const height = 340;
/** Where the axis of L begins. */
const firstL = 0.85;
const margin = { left: 52, right: 14, top: 30, bottom: 44 };

/** M of eq. (7), S·L·M² + L²·M = T, as a real number. */
function fittingM(L: number, T: number, S: number): number {
  return (-(L ** 2) + Math.sqrt(L ** 4 + 4 * S * L * T)) / (2 * S * L);
}

/** Where things lie: pixels of an L and of a width, the curve, and the numbers at the axes. */
function axesOf(design: Design, chosen: { readonly L: number; readonly M: number }, width: number) {
  const taps = design.kernel[0] * design.kernel[1];
  const lastL = Math.max(2, ...design.rows.map(({ L }) => L), chosen.L) * 1.3;
  const most = Math.max(design.widthBound, chosen.L * chosen.M) * 1.12;
  const [across, up] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
  const x = (L: number) => margin.left + (across * Math.log(L / firstL)) / Math.log(lastL / firstL);
  const y = (G: number) => height - margin.bottom - (up * G) / most;
  const curve = Array.from({ length: 120 }, (_, i) => {
    const L = firstL * (lastL / firstL) ** (i / 119);
    return `${x(L).toFixed(1)},${y(L * fittingM(L, design.params, taps)).toFixed(1)}`;
  }).join(' ');
  const [left, right] = [margin.left, width - margin.right];
  return { x, y, curve, left, right, ticksL: ticksOfL(lastL, across), ticksG: ticksOf(most) };
}
type Axes = ReturnType<typeof axesOf>;

interface CurveProps {
  readonly design: Design;
  readonly chosen: { readonly L: number; readonly M: number };
  readonly onChoose: (row: DesignRow) => void;
}

export function WidthCurve(props: CurveProps) {
  const { ref, width } = createWidth();
  const axes = createMemo(() => axesOf(props.design, props.chosen, width()));
  const said = () =>
    `Width of a block of ${Math.round(props.design.params)} parameters by the number of primary partitions L; at most ${props.design.widthBound.toFixed(1)}, at L = ${props.design.optimum.L.toFixed(1)}`;
  return (
    <figure class="chart" ref={ref} style={{ margin: 0 }}>
      <svg
        width={width()}
        height={height}
        role="img"
        aria-label={said()}
        style={{ display: 'block' }}
        fill="currentColor"
        font-size="12"
      >
        <Ground axes={axes()} width={width()} />
        <Lines axes={axes()} design={props.design} />
        <Blocks axes={axes()} {...props} />
      </svg>
      <ul class="legend">
        <li>
          <Key draw="line" /> eq. (7) for the budget
        </li>
        <li>
          <Key draw="dash" /> a regular convolution, width {props.design.regularWidth.toFixed(1)}
        </li>
        <li>
          <Key draw="dot" /> blocks of whole L and M within{' '}
          {(100 * props.design.tolerance).toFixed(1)} %
        </li>
        <li>
          <Key draw="best" /> the widest of them
        </li>
        <li>
          <Key draw="diamond" /> the one chosen
        </li>
      </ul>
    </figure>
  );
}

function Ground(props: { readonly axes: Axes; readonly width: number }) {
  return (
    <>
      <For each={props.axes.ticksG}>
        {(G) => (
          <g>
            <line
              x1={props.axes.left}
              x2={props.axes.right}
              y1={props.axes.y(G)}
              y2={props.axes.y(G)}
              stroke="var(--line)"
            />
            <text x={props.axes.left - 8} y={props.axes.y(G) + 4} text-anchor="end">
              {G}
            </text>
          </g>
        )}
      </For>
      <For each={props.axes.ticksL}>
        {(L) => (
          <text x={props.axes.x(L)} y={height - margin.bottom + 18} text-anchor="middle">
            {L}
          </text>
        )}
      </For>
      <text x={props.width / 2} y={height - 6} text-anchor="middle">
        primary partitions L
      </text>
      <text x={margin.left - 40} y={16}>
        width L·M
      </text>
    </>
  );
}

/** Of a regular convolution, of eq. (7), and to its greatest width. */
function Lines(props: { readonly axes: Axes; readonly design: Design }) {
  const top = () => ({
    x: props.axes.x(props.design.optimum.L),
    y: props.axes.y(props.design.widthBound),
  });
  const regular = () => props.axes.y(props.design.regularWidth);
  return (
    <>
      <line
        x1={props.axes.left}
        x2={props.axes.right}
        y1={regular()}
        y2={regular()}
        stroke="var(--faint)"
        stroke-dasharray="5 4"
      />
      <polyline points={props.axes.curve} fill="none" stroke="var(--accent)" stroke-width="2" />
      <Show when={props.design.optimum.L >= firstL}>
        <line
          x1={top().x}
          x2={top().x}
          y1={top().y}
          y2={height - margin.bottom}
          stroke="var(--good)"
          stroke-dasharray="2 3"
        />
        <text x={top().x} y={top().y - 10} text-anchor="middle" fill="var(--good)">
          ★ at most {props.design.widthBound.toFixed(1)}
        </text>
      </Show>
    </>
  );
}

function Blocks(props: CurveProps & { readonly axes: Axes }) {
  return (
    <>
      <Index each={props.design.rows}>
        {(row) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the table below offers the same blocks to the keyboard
          <circle
            cx={props.axes.x(row().L)}
            cy={props.axes.y(row().width)}
            r={row().widest ? 6 : 4}
            fill={row().widest ? 'var(--good)' : 'var(--card)'}
            stroke={row().widest ? 'var(--good)' : 'var(--accent)'}
            stroke-width="1.5"
            style={{ cursor: 'pointer' }}
            onClick={() => props.onChoose(row())}
          >
            <title>{`L=${row().L} M=${row().M}: width ${row().width}, ${row().params} parameters`}</title>
          </circle>
        )}
      </Index>
      <path
        d={diamond(props.axes.x(props.chosen.L), props.axes.y(props.chosen.L * props.chosen.M), 8)}
        fill="none"
        stroke="currentColor"
        stroke-width="2.5"
      />
    </>
  );
}

function Key(props: { readonly draw: 'line' | 'dash' | 'dot' | 'best' | 'diamond' }) {
  return (
    <svg width="22" height="14" aria-hidden="true">
      {props.draw === 'line' && <path d="M1 7h20" stroke="var(--accent)" stroke-width="2" />}
      {props.draw === 'dash' && <path d="M1 7h20" stroke="var(--faint)" stroke-dasharray="5 4" />}
      {props.draw === 'dot' && (
        <circle cx="11" cy="7" r="4" fill="var(--card)" stroke="var(--accent)" />
      )}
      {props.draw === 'best' && <circle cx="11" cy="7" r="5" fill="var(--good)" />}
      {props.draw === 'diamond' && (
        <path d={diamond(11, 7, 6)} fill="none" stroke="currentColor" stroke-width="2" />
      )}
    </svg>
  );
}

function diamond(x: number, y: number, r: number): string {
  return `M${x - r} ${y}L${x} ${y - r}L${x + r} ${y}L${x} ${y + r}Z`;
}

function ticksOfL(last: number, inner: number): readonly number[] {
  const powers = Array.from({ length: 30 }, (_, i) => 2 ** i).filter((L) => L <= last);
  const every = Math.max(1, Math.ceil(powers.length / Math.max(3, inner / 48)));
  return powers.filter((_, i) => i % every === 0);
}

/** Round numbers from 0, about five of them. */
function ticksOf(most: number): readonly number[] {
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) =>
    Number((i * step).toPrecision(6)),
  );
}

/**
 * Table 1 as a curve: how wide a block of a budget is for every L, with the optimum of eq. (15), the blocks of whole L
 * and M that the budget buys, and the one that was chosen.
 * Letters: L primary partitions, M channels of each, T the budget in parameters, S the taps of the primary kernel.
 */
import { createMemo, For, Index, Show } from 'solid-js';
import type { Design, DesignRow } from '../../theory/design.ts';
import { createWidth } from '../shared/width.ts';

const height = 340;
const margin = { left: 52, right: 14, top: 30, bottom: 44 };

/** M of eq. (7), S·L·M² + L²·M = T, as a real number. */
function fittingM(L: number, T: number, S: number): number {
  return (-(L ** 2) + Math.sqrt(L ** 4 + 4 * S * L * T)) / (2 * S * L);
}

export function WidthCurve(props: {
  readonly design: Design;
  readonly chosen: { readonly L: number; readonly M: number };
  readonly onChoose: (row: DesignRow) => void;
}) {
  const { ref, width } = createWidth();
  const taps = () => props.design.kernel[0] * props.design.kernel[1];
  const axes = createMemo(() => {
    const T = props.design.params;
    const lastL = Math.max(2, ...props.design.rows.map(({ L }) => L), props.chosen.L) * 1.3;
    const most = Math.max(props.design.widthBound, props.chosen.L * props.chosen.M) * 1.12;
    const inner = width() - margin.left - margin.right;
    const x = (L: number) => margin.left + (inner * Math.log(L / 0.85)) / Math.log(lastL / 0.85);
    const y = (G: number) =>
      height - margin.bottom - ((height - margin.top - margin.bottom) * G) / most;
    const curve = Array.from({ length: 120 }, (_, i) => {
      const L = 0.85 * (lastL / 0.85) ** (i / 119);
      return `${x(L).toFixed(1)},${y(L * fittingM(L, T, taps())).toFixed(1)}`;
    });
    return {
      x,
      y,
      curve: curve.join(' '),
      ticksL: ticksOfL(lastL, inner),
      ticksG: ticksOf(most),
      lastL,
    };
  });
  return (
    <figure class="chart" ref={ref} style={{ margin: 0 }}>
      <svg
        width={width()}
        height={height}
        role="img"
        aria-label={`Width of a block of ${Math.round(props.design.params)} parameters by the number of primary partitions L; at most ${props.design.widthBound.toFixed(1)}, at L = ${props.design.optimum.L.toFixed(1)}`}
        style={{ display: 'block' }}
        fill="currentColor"
        font-size="12"
      >
        <For each={axes().ticksG}>
          {(G) => (
            <g>
              <line
                x1={margin.left}
                x2={width() - margin.right}
                y1={axes().y(G)}
                y2={axes().y(G)}
                stroke="var(--line)"
              />
              <text x={margin.left - 8} y={axes().y(G) + 4} text-anchor="end">
                {G}
              </text>
            </g>
          )}
        </For>
        <For each={axes().ticksL}>
          {(L) => (
            <text x={axes().x(L)} y={height - margin.bottom + 18} text-anchor="middle">
              {L}
            </text>
          )}
        </For>
        <text x={width() / 2} y={height - 6} text-anchor="middle">
          primary partitions L
        </text>
        <text x={margin.left - 40} y={16}>
          width L·M
        </text>
        <line
          x1={margin.left}
          x2={width() - margin.right}
          y1={axes().y(props.design.regularWidth)}
          y2={axes().y(props.design.regularWidth)}
          stroke="var(--faint)"
          stroke-dasharray="5 4"
        />
        <polyline points={axes().curve} fill="none" stroke="var(--accent)" stroke-width="2" />
        <Show when={props.design.optimum.L >= 0.85}>
          <line
            x1={axes().x(props.design.optimum.L)}
            x2={axes().x(props.design.optimum.L)}
            y1={axes().y(props.design.widthBound)}
            y2={height - margin.bottom}
            stroke="var(--good)"
            stroke-dasharray="2 3"
          />
          <text
            x={axes().x(props.design.optimum.L)}
            y={axes().y(props.design.widthBound) - 10}
            text-anchor="middle"
            fill="var(--good)"
          >
            ★ at most {props.design.widthBound.toFixed(1)}
          </text>
        </Show>
        <Index each={props.design.rows}>
          {(row) => (
            // biome-ignore lint/a11y/noStaticElementInteractions: the table below offers the same blocks to the keyboard
            <circle
              cx={axes().x(row().L)}
              cy={axes().y(row().width)}
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
          d={diamond(axes().x(props.chosen.L), axes().y(props.chosen.L * props.chosen.M), 8)}
          fill="none"
          stroke="currentColor"
          stroke-width="2.5"
        />
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

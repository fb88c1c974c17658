/** Design: what a budget buys, the block and the network that come of it, and how to say them. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import { networkSvg } from '../../draw/network.ts';
import { networkBlockSvg } from '../../draw/network-block.ts';
import { formatCount } from '../../draw/text-table.ts';
import { namedNetwork } from '../../spec/named-networks.ts';
import { countCost } from '../../theory/cost.ts';
import { type Design, type DesignRow, designBlocks } from '../../theory/design.ts';
import { igcParameters, isWiderThanRegular, regularWidth } from '../../theory/widths.ts';
import { Copy } from '../shared/copy.tsx';
import { Choice, NumberField, Slider } from '../shared/fields.tsx';
import { messageOf, Problem } from '../shared/problem.tsx';
import { WidthCurve } from './width-curve.tsx';

/** What `make` gives, or why it gives nothing. */
type Attempt<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: string };
function attempt<T>(make: () => T): Attempt<T> {
  try {
    return { value: make() };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

const kernels = [
  ['1', '1×1'],
  ['3', '3×3'],
  ['5', '5×5'],
  ['7', '7×7'],
] as const;
const mostRows = 60;
const count = (value: number) => formatCount(Math.round(value));

export default function DesignView() {
  const [budget, setBudget] = createSignal(4672); // Table 1 (i)
  const [kernel, setKernel] = createSignal<(typeof kernels)[number][0]>('3');
  const [L, setL] = createSignal(40);
  const [M, setM] = createSignal(2);
  const [depth, setDepth] = createSignal(20);
  const [side, setSide] = createSignal(32);
  const [classes, setClasses] = createSignal(10);
  const taps = () => Number(kernel()) ** 2;
  const design = createMemo(() =>
    attempt((): Design => {
      const k = Number(kernel());
      return designBlocks({ budget: { params: budget() }, kernel: [k, k] });
    }),
  );
  const params = () => igcParameters({ L: L(), M: M(), taps: taps() });
  const choose = (row: DesignRow) => {
    setL(row.L);
    setM(row.M);
  };
  const network = createMemo(() =>
    attempt(() => {
      const input = { channels: 3, height: side(), width: side() };
      const variant = kernel() === '3' ? {} : { primaryKernel: Number(kernel()) };
      const net = `IGC-L${L()}M${M()}`;
      return namedNetwork({ net, depth: depth(), input, classes: classes(), variant });
    }),
  );
  const cost = createMemo(() => attempt(() => countCost(network().value!, 'paper')));
  const block = createMemo(() => attempt(() => networkBlockSvg(network().value!)));
  const picture = createMemo(() => attempt(() => networkSvg(network().value!)));
  const command = () => {
    const size = side() === 32 ? '' : ` --img-size ${side()}`;
    const variant = kernel() === '3' ? '' : ` --variant primaryKernel=${kernel()}`;
    return `npx igc train --net IGC-L${L()}M${M()} --depth ${depth()}${variant}${size} --data cifar10`;
  };
  const written = () =>
    [
      `name: IGC-L${L()}M${M()}-own`,
      'blocks:',
      `  - { kind: regular, outChannels: ${L() * M()} }`,
      `  - { kind: igc, L: ${L()}, M: ${M()}, kernel: ${kernel()} }`,
      `  - { kind: igc, L: ${L()}, M: ${2 * M()}, kernel: ${kernel()}, stride: 2 }`,
    ].join('\n');
  return (
    <>
      <h1>Design a block</h1>
      <p class="lead">
        L primary partitions of M channels, then M secondary ones of L: for the same parameters an
        interleaved group convolution is wider than a regular one whenever L is more than 1, and
        widest near the star.
      </p>
      <div class="columns">
        <form class="card" onSubmit={(event) => event.preventDefault()}>
          <h2>Budget</h2>
          <NumberField
            label="Parameters of one block"
            value={budget()}
            min={1}
            error={design().error}
            onInput={setBudget}
          />
          <div class="buttons">
            <button type="button" onClick={() => setBudget(4672)}>
              Table 1 (i)
            </button>
            <button type="button" onClick={() => setBudget(17536)}>
              Table 1 (ii)
            </button>
          </div>
          <Choice label="Primary kernel" value={kernel()} options={kernels} onChange={setKernel} />
          <h2>Block</h2>
          <Slider label="L, primary partitions" value={L()} min={1} max={256} onInput={setL} />
          <Slider label="M, channels of each" value={M()} min={1} max={64} onInput={setM} />
          <h2>Network</h2>
          <NumberField
            label="Depth, 3B + 2"
            value={depth()}
            min={5}
            step={3}
            error={network().error}
            onInput={setDepth}
          />
          <NumberField
            label="Side of the images in pixels"
            value={side()}
            min={4}
            step={4}
            onInput={setSide}
          />
          <NumberField label="Classes" value={classes()} min={2} onInput={setClasses} />
        </form>
        <div class="stack">
          <section class="card" aria-label="The chosen block">
            <dl class="numbers">
              <Figure
                name="Width L·M"
                value={count(L() * M())}
                note={widthNote(L(), M(), taps(), params())}
              />
              <Figure
                name="Parameters"
                value={count(params())}
                note={budgetNote(params(), budget())}
              />
              <Figure
                name={`MACs on ${side()}×${side()}`}
                value={count(params() * side() ** 2)}
                note="of one block"
              />
              <Show when={cost().value}>
                {(whole) => (
                  <>
                    <Figure
                      name="Network, parameters"
                      value={`${(whole().params / 1e6).toFixed(3)} M`}
                      note="as the paper counts"
                    />
                    <Figure
                      name="Network, MACs"
                      value={`${(whole().macs / 1e6).toFixed(1)} M`}
                      note="an image"
                    />
                  </>
                )}
              </Show>
            </dl>
          </section>
          <section class="card">
            <h2>Width of a block of {count(budget())} parameters</h2>
            <Show when={design().value} fallback={<Problem error={design().error} />}>
              {(found) => (
                <>
                  <WidthCurve design={found()} chosen={{ L: L(), M: M() }} onChoose={choose} />
                  <Blocks design={found()} L={L()} M={M()} onChoose={choose} />
                </>
              )}
            </Show>
          </section>
        </div>
      </div>
      <div class="pair" style={{ 'margin-top': '1rem' }}>
        <Picture title="The block, with its permutations" drawn={block()} />
        <Picture title="The network" drawn={picture()} />
      </div>
      <section class="card" style={{ 'margin-top': '1rem' }}>
        <h2>Take it away</h2>
        <Copy label="Train it" text={command()} />
        <Copy label="The blocks, to build a network of your own (my-net.yaml)" text={written()} />
      </section>
    </>
  );
}

function Figure(props: { readonly name: string; readonly value: string; readonly note: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        {props.value}
        <small>{props.note}</small>
      </dd>
    </div>
  );
}

function widthNote(L: number, M: number, taps: number, params: number): string {
  const regular = regularWidth({ params, taps });
  const share = (L * M) / regular;
  if (!isWiderThanRegular({ L, M, taps }))
    return `not wider than a regular one (${regular.toFixed(1)})`;
  return `${share.toFixed(2)}× a regular convolution of as many parameters`;
}

function budgetNote(params: number, budget: number): string {
  const off = (100 * (params - budget)) / budget;
  if (!Number.isFinite(off)) return 'of one block';
  return `${off >= 0 ? '+' : '−'}${Math.abs(off).toFixed(1)} % of the budget`;
}

/** The blocks of the curve as a table, for eyes and keyboards alike. */
function Blocks(props: {
  readonly design: Design;
  readonly L: number;
  readonly M: number;
  readonly onChoose: (row: DesignRow) => void;
}) {
  const rows = () => props.design.rows.toSorted((a, b) => b.width - a.width).slice(0, mostRows);
  return (
    <details style={{ 'margin-top': '0.75rem' }}>
      <summary>
        {props.design.rows.length} blocks for the budget
        {props.design.rows.length > mostRows ? `, the ${mostRows} widest` : ''}
      </summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th class="number">L</th>
              <th class="number">M</th>
              <th class="number">width</th>
              <th class="number">parameters</th>
              <th />
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
      </div>
    </details>
  );
}

function Picture(props: { readonly title: string; readonly drawn: Attempt<string> }) {
  return (
    <section class="card">
      <h2>{props.title}</h2>
      <Show when={props.drawn.value} fallback={<Problem error={props.drawn.error} />}>
        <section
          class="picture fit"
          // It scrolls, so the keyboard must reach it.
          tabindex="0"
          aria-label={props.title}
          innerHTML={props.drawn.value!}
        />
      </Show>
    </section>
  );
}

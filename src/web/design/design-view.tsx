/** Design: what a budget buys, the block and the network that come of it, and how to say them. */
import { Show } from 'solid-js';
import { formatCount } from '../../draw/text-table.ts';
import type { Cost } from '../../theory/cost.ts';
import type { DesignRow } from '../../theory/design.ts';
import { igcParameters, isWiderThanRegular, regularWidth } from '../../theory/widths.ts';
import { Copy } from '../shared/copy.tsx';
import { type Figure, Figures } from '../shared/figures.tsx';
import { Problem } from '../shared/problem.tsx';
import { BlockTable } from './block-table.tsx';
import {
  type Attempt,
  commandOf,
  createDesign,
  type DesignChoice,
  fileOf,
} from './design-choice.ts';
import { DesignForm } from './design-form.tsx';
import { WidthCurve } from './width-curve.tsx';

export default function DesignView() {
  const { choice, choose, blocks, network, cost, block, picture } = createDesign();
  const chooseRow = ({ L, M }: DesignRow) => choose({ L, M });
  return (
    <>
      <h1>Design a block</h1>
      <p class="lead">
        L primary partitions of M channels, then M secondary ones of L: for the same parameters an
        interleaved group convolution is wider than a regular one whenever L is more than 1, and
        widest near the star.
      </p>
      <div class="columns">
        <DesignForm
          choice={choice}
          onChoose={choose}
          blocksError={blocks().error}
          networkError={network().error}
        />
        <div class="stack">
          <section class="card" aria-label="The chosen block">
            <Figures figures={figuresOf(choice, cost().value)} />
          </section>
          <section class="card">
            <h2>
              Width of a block of{' '}
              {Number.isFinite(choice.budget) ? formatCount(choice.budget) : '…'} parameters
            </h2>
            <Show when={blocks().value} fallback={<Problem error={blocks().error} />}>
              {(found) => (
                <>
                  <WidthCurve design={found()} chosen={choice} onChoose={chooseRow} />
                  <BlockTable design={found()} L={choice.L} M={choice.M} onChoose={chooseRow} />
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
        <Copy label="Train it" text={commandOf(choice)} />
        <Copy
          label="The blocks, to build a network of your own (my-net.yaml)"
          text={fileOf(choice)}
        />
      </section>
    </>
  );
}

/** The block's, and where there is one the network's. */
function figuresOf(choice: DesignChoice, cost: Cost | undefined): readonly Figure[] {
  const { L, M, kernel, side, budget } = choice;
  const params = igcParameters({ L, M, taps: kernel ** 2 });
  const millions = (value: number | undefined, digits: number) =>
    value === undefined ? '–' : `${(value / 1e6).toFixed(digits)} M`;
  return [
    { name: 'Width L·M', value: formatCount(L * M), note: widthNote(choice, params) },
    { name: 'Parameters', value: formatCount(params), note: budgetNote(params, budget) },
    {
      name: `MACs on ${side}×${side}`,
      value: formatCount(params * side ** 2),
      note: 'of one block',
    },
    { name: 'Network, parameters', value: millions(cost?.params, 3), note: 'as the paper counts' },
    { name: 'Network, MACs', value: millions(cost?.macs, 1), note: 'an image' },
  ];
}

function widthNote({ L, M, kernel }: DesignChoice, params: number): string {
  const taps = kernel ** 2;
  const regular = regularWidth({ params, taps });
  if (!isWiderThanRegular({ L, M, taps })) {
    return `not wider than a regular one (${regular.toFixed(1)})`;
  }
  return `${((L * M) / regular).toFixed(2)}× a regular convolution of as many parameters`;
}

function budgetNote(params: number, budget: number): string {
  const off = (100 * (params - budget)) / budget;
  if (!Number.isFinite(off)) return 'of one block';
  return `${off >= 0 ? '+' : '−'}${Math.abs(off).toFixed(1)} % of the budget`;
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

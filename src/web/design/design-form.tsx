/** What is chosen in the design. */
import { Choice, NumberField, Slider } from '../shared/fields.tsx';
import type { DesignChoice } from './design-choice.ts';

const kernels = [
  ['1', '1×1'],
  ['3', '3×3'],
  ['5', '5×5'],
  ['7', '7×7'],
] as const;
/** @source paper Table 1 */
const budgets = [
  ['Table 1 (i)', 4672],
  ['Table 1 (ii)', 17_536],
] as const;

export function DesignForm(props: {
  readonly choice: DesignChoice;
  readonly onChoose: (change: Partial<DesignChoice>) => void;
  readonly blocksError: string | undefined;
  readonly networkError: string | undefined;
}) {
  const kernel = () => `${props.choice.kernel}` as (typeof kernels)[number][0];
  return (
    <form class="card" onSubmit={(event) => event.preventDefault()}>
      <h2>Budget</h2>
      <NumberField
        label="Parameters of one block"
        value={props.choice.budget}
        min={1}
        error={props.blocksError}
        onInput={(budget) => props.onChoose({ budget })}
      />
      <div class="buttons">
        {budgets.map(([name, budget]) => (
          <button type="button" onClick={() => props.onChoose({ budget })}>
            {name}
          </button>
        ))}
      </div>
      <Choice
        label="Primary kernel"
        value={kernel()}
        options={kernels}
        onChange={(side) => props.onChoose({ kernel: Number(side) })}
      />
      <h2>Block</h2>
      <Slider
        label="L, primary partitions"
        value={props.choice.L}
        min={1}
        max={256}
        onInput={(L) => props.onChoose({ L })}
      />
      <Slider
        label="M, channels of each"
        value={props.choice.M}
        min={1}
        max={64}
        onInput={(M) => props.onChoose({ M })}
      />
      <h2>Network</h2>
      <NumberField
        label="Depth, 3B + 2"
        value={props.choice.depth}
        min={5}
        step={3}
        error={props.networkError}
        onInput={(depth) => props.onChoose({ depth })}
      />
      <NumberField
        label="Side of the images in pixels"
        value={props.choice.side}
        min={4}
        step={4}
        onInput={(side) => props.onChoose({ side })}
      />
      <NumberField
        label="Classes"
        value={props.choice.classes}
        min={2}
        onInput={(classes) => props.onChoose({ classes })}
      />
    </form>
  );
}

/** Starts a run on this machine, and stops it; everything that is not asked for is the recipe's. */
import { createSignal } from 'solid-js';
import { order } from '../shared/api.ts';
import { Choice, NumberField, TextField } from '../shared/fields.tsx';

const datasets = [
  ['digits', 'Digits (embedded)'],
  ['cifar10', 'CIFAR-10'],
  ['cifar100', 'CIFAR-100'],
  ['fashion-mnist', 'Fashion-MNIST'],
  ['mnist', 'MNIST'],
  ['svhn', 'SVHN'],
] as const;

export function StartForm(props: {
  readonly running: boolean;
  readonly onStarted: (id: string) => void;
  readonly onProblem: (problem: unknown) => void;
}) {
  const [data, setData] = createSignal<(typeof datasets)[number][0]>('digits');
  const [net, setNet] = createSignal('IGC-L24M2');
  const [depth, setDepth] = createSignal(8);
  const [epochs, setEpochs] = createSignal(20);
  const [seed, setSeed] = createSignal(0);
  const send = async (event: Event) => {
    event.preventDefault();
    try {
      const request = {
        data: data(),
        net: net(),
        depth: depth(),
        epochs: epochs(),
        seed: seed(),
        name: null,
      };
      const { id } = await order<{ readonly id: string }>('start', request);
      props.onStarted(id);
    } catch (error) {
      props.onProblem(error);
    }
  };
  const stop = () => order('stop').catch(props.onProblem);
  return (
    <form class="card" onSubmit={send}>
      <h2>Start a run here</h2>
      <Choice label="Images" value={data()} options={datasets} onChange={setData} />
      <TextField label="Network" value={net()} onInput={setNet} />
      <NumberField label="Depth" value={depth()} min={5} onInput={setDepth} />
      <NumberField label="Epochs" value={epochs()} min={1} onInput={setEpochs} />
      <NumberField label="Seed" value={seed()} min={0} onInput={setSeed} />
      <div class="buttons">
        <button class="main" type="submit" disabled={props.running}>
          Start
        </button>
        <button type="button" onClick={stop} disabled={!props.running}>
          Stop
        </button>
      </div>
      <p class="note">
        Stopping leaves a checkpoint; <code>npx igc train --resume</code> goes on.
      </p>
    </form>
  );
}

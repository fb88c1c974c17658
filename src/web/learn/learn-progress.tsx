/** A training in this page as it goes, and what comes of it. */
import { onCleanup } from 'solid-js';
import { Confusion } from '../shared/confusion.tsx';
import { type Figure, Figures } from '../shared/figures.tsx';
import { LineChart } from '../shared/line-chart.tsx';
import type { LearnRow } from './messages.ts';
import type { Done, TrainingState } from './training.ts';

export function LearnProgress(props: { readonly state: TrainingState }) {
  const said = () => {
    const { begun, done, isBusy } = props.state;
    if (done) return `${done.isStopped ? 'Stopped' : 'Done'} after ${done.seconds.toFixed(1)} s`;
    if (!isBusy) return 'Not begun';
    return begun ? 'Training' : 'Getting ready …';
  };
  const stepsDone = () => {
    const { done, begun, step } = props.state;
    return done && !done.isStopped ? begun?.steps : (step?.step ?? 0);
  };
  return (
    <section class="card" aria-label="The training now">
      <h2 aria-live="polite">{said()}</h2>
      <progress max={props.state.begun?.steps ?? 1} value={stepsDone()} aria-label="Steps done" />
      <Figures figures={figuresOf(props.state)} />
    </section>
  );
}

function figuresOf({ begun, step, rows }: TrainingState): readonly Figure[] {
  const last = rows.at(-1);
  const best = Math.max(0, ...rows.map(({ testAccuracy }) => testAccuracy));
  const rate = step && Math.round(step.imagesPerSecond).toLocaleString('en');
  return [
    {
      name: 'Epoch',
      value: begun ? `${rows.length} / ${begun.epochs}` : '–',
      note: begun && `${begun.trainImages} images, ${begun.testImages} held out`,
    },
    {
      name: 'Test accuracy',
      id: 'accuracy',
      value: last ? `${last.testAccuracy.toFixed(2)} %` : '–',
      note: last && `best ${best.toFixed(2)} %`,
    },
    { name: 'Throughput', value: rate ? `${rate} /s` : '–', note: 'training images' },
    {
      name: 'Threads',
      value: begun ? `${begun.threads}` : '–',
      note: begun?.kernels,
    },
  ];
}

export function LearnCharts(props: { readonly rows: readonly LearnRow[] }) {
  const epochs = () => props.rows.map(({ epoch }) => epoch);
  const pair = (
    colour: number,
    test: (row: LearnRow) => number,
    training: (row: LearnRow) => number,
  ) => [
    { label: 'test', colour, values: props.rows.map(test) },
    { label: 'training', colour, dashed: true, values: props.rows.map(training) },
  ];
  return (
    <section class="card stack" aria-label="Curves">
      <LineChart
        title="Accuracy in percent: test, and training dashed"
        xLabel="epoch"
        x={epochs()}
        curves={pair(
          0,
          (row) => row.testAccuracy,
          (row) => row.trainAccuracy,
        )}
      />
      <LineChart
        title="Loss: test, and training dashed"
        xLabel="epoch"
        x={epochs()}
        digits={4}
        curves={pair(
          3,
          (row) => row.testLoss,
          (row) => row.trainLoss,
        )}
      />
    </section>
  );
}

export function LearnResult(props: { readonly done: Done; readonly name: string }) {
  const url = URL.createObjectURL(new Blob([props.done.model]));
  onCleanup(() => URL.revokeObjectURL(url));
  return (
    <section class="card">
      <h2>{props.done.confusion.top1.toFixed(2)} % of the held out images right</h2>
      <div class="buttons">
        <a class="button" href={url} download={`${props.name}.safetensors`}>
          Download the model ({Math.round(props.done.model.byteLength / 1024)} KiB)
        </a>
        <a class="button" href="#/try">
          Try it
        </a>
      </div>
      <p class="note">
        <code>igcnet/runtime</code> loads it, and so does every command:{' '}
        <code>npx igc predict {props.name}.safetensors image.png</code>.
      </p>
      <Confusion confusion={props.done.confusion} />
    </section>
  );
}

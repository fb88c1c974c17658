/** Train here: a network trained in this browser, on the digits or on images of one's own that never leave it. */
import { createSignal, onCleanup, Show } from 'solid-js';
import digitsUrl from '../../../data/digits/digits.csv.gz?url';
import { Confusion } from '../shared/confusion.tsx';
import { Choice, NumberField } from '../shared/fields.tsx';
import { LineChart } from '../shared/line-chart.tsx';
import { Problem } from '../shared/problem.tsx';
import { handOver } from '../shared/trained.ts';
import type { FromWorker, LearnImages, LearnRow, LearnSettings, ToWorker } from './messages.ts';
import { decodeFolder, type OwnFolder, readFolder } from './own-images.ts';

type Begun = Extract<FromWorker, { kind: 'begin' }>;
type Stepped = Extract<FromWorker, { kind: 'step' }>;
type Done = Extract<FromWorker, { kind: 'done' }>;

export default function LearnView() {
  const [data, setData] = createSignal<'digits' | 'folder'>('digits');
  const [folder, setFolder] = createSignal<OwnFolder>();
  const [side, setSide] = createSignal(32);
  const [mirror, setMirror] = createSignal(true);
  const [net, setNet] = createSignal('IGC-L24M2');
  const [depth, setDepth] = createSignal(8);
  const [epochs, setEpochs] = createSignal(20);
  const [rate, setRate] = createSignal(0.1);
  const [seed, setSeed] = createSignal(0);
  const [rows, setRows] = createSignal<readonly LearnRow[]>([]);
  const [begun, setBegun] = createSignal<Begun>();
  const [step, setStep] = createSignal<Stepped>();
  const [done, setDone] = createSignal<Done>();
  const [problem, setProblem] = createSignal<unknown>();
  const [note, setNote] = createSignal('');
  const [isBusy, setBusy] = createSignal(false);
  let worker: Worker | undefined;
  const end = () => {
    worker?.terminate();
    worker = undefined;
    setBusy(false);
  };
  onCleanup(end);
  const name = () => (data() === 'digits' ? 'digits' : (folder()?.name ?? 'folder'));
  const settings = (): LearnSettings => ({
    recipe: data(),
    net: net(),
    depth: depth(),
    epochs: epochs(),
    seed: seed(),
    learningRate: rate(),
    mirror: data() === 'folder' && mirror(),
  });
  const hear = ({ data: message }: MessageEvent<FromWorker>) => {
    if (message.kind === 'begin') setBegun(message);
    else if (message.kind === 'step') setStep(message);
    else if (message.kind === 'epoch') setRows([...rows(), message.row]);
    else if (message.kind === 'error') {
      setProblem(new Error(message.message));
      end();
    } else {
      setDone(message);
      handOver({
        name: `${name()}, ${message.confusion.top1.toFixed(1)} %`,
        file: new Blob([message.model]),
      });
      end();
    }
  };
  const imagesFor = async (): Promise<LearnImages | ArrayBuffer> => {
    if (data() === 'digits') {
      const response = await fetch(digitsUrl);
      if (!response.ok) throw new Error(`digits: the server says ${response.status}`);
      return response.arrayBuffer();
    }
    const chosen = folder();
    if (!chosen) throw new Error('folder: choose the folder of your images first');
    const { images, skipped } = await decodeFolder(chosen, side(), (count) =>
      setNote(`${count} of ${chosen.files.length} images decoded`),
    );
    setNote(
      skipped.length === 0
        ? ''
        : `Left out, since this browser cannot decode them: ${skipped.join(', ')}`,
    );
    return images;
  };
  const start = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setBegun(undefined);
    setStep(undefined);
    setDone(undefined);
    setProblem(undefined);
    setRows([]);
    setNote('');
    try {
      const images = await imagesFor();
      worker = new Worker(new URL('./learn-worker.ts', import.meta.url), { type: 'module' });
      worker.onmessage = hear;
      worker.onerror = (event) => {
        setProblem(new Error(`worker: ${event.message || 'cannot be started'}`));
        end();
      };
      worker.postMessage({ kind: 'start', settings: settings(), images } satisfies ToWorker);
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  const stop = () => worker?.postMessage({ kind: 'stop' } satisfies ToWorker);
  const takeFolder = (files: FileList | null) => {
    setProblem(undefined);
    try {
      setFolder(readFolder([...(files ?? [])]));
    } catch (error) {
      setFolder(undefined);
      setProblem(error);
    }
  };
  return (
    <>
      <h1>Train in this browser</h1>
      <p class="lead">
        On the embedded handwritten digits, or on your own images, which never leave this machine.
      </p>
      <div class="columns">
        <form class="card" onSubmit={start}>
          <Choice
            label="Images"
            value={data()}
            options={[
              ['digits', 'Handwritten digits, 8×8'],
              ['folder', 'A folder of mine'],
            ]}
            onChange={setData}
          />
          <Show when={data() === 'folder'}>
            <div class="field">
              <label for="folder">Folder with one folder of images for each class</label>
              <input
                id="folder"
                type="file"
                multiple
                ref={(input) => {
                  input.webkitdirectory = true;
                }}
                onChange={(event) => takeFolder(event.currentTarget.files)}
              />
              <p class="note">
                {folder()
                  ? `${folder()!.files.length} images of ${folder()!.classes.length} classes: ${folder()!.classes.slice(0, 8).join(', ')}`
                  : 'A fifth of each class is held out for testing.'}
              </p>
            </div>
            <NumberField
              label="Side of the images in pixels"
              value={side()}
              min={8}
              step={4}
              onInput={setSide}
            />
            <div class="field check">
              <input
                id="mirror"
                type="checkbox"
                checked={mirror()}
                onChange={(event) => setMirror(event.currentTarget.checked)}
              />
              <label for="mirror">Mirror them at random</label>
            </div>
          </Show>
          <div class="field">
            <label for="learn-net">Network</label>
            <input
              id="learn-net"
              value={net()}
              onInput={(event) => setNet(event.currentTarget.value)}
            />
          </div>
          <NumberField label="Depth" value={depth()} min={5} onInput={setDepth} />
          <NumberField label="Epochs" value={epochs()} min={1} onInput={setEpochs} />
          <NumberField
            label="Learning rate"
            value={rate()}
            min={0.0001}
            step="any"
            onInput={setRate}
          />
          <NumberField label="Seed" value={seed()} min={0} onInput={setSeed} />
          <div class="buttons">
            <button class="main" type="submit" disabled={isBusy()}>
              Train
            </button>
            <button type="button" onClick={stop} disabled={!isBusy()}>
              Stop
            </button>
          </div>
          <Problem error={problem()} />
          <p class="note" aria-live="polite">
            {note()}
          </p>
        </form>
        <div class="stack">
          <Progress
            begun={begun()}
            step={step()}
            rows={rows()}
            done={done()}
            isBusy={isBusy()}
            epochs={epochs()}
          />
          <section class="card stack" aria-label="Curves">
            <LineChart
              title="Accuracy in percent: test, and training dashed"
              xLabel="epoch"
              x={rows().map(({ epoch }) => epoch)}
              curves={[
                { label: 'test', colour: 0, values: rows().map((row) => row.testAccuracy) },
                {
                  label: 'training',
                  colour: 0,
                  dashed: true,
                  values: rows().map((row) => row.trainAccuracy),
                },
              ]}
            />
            <LineChart
              title="Loss: test, and training dashed"
              xLabel="epoch"
              x={rows().map(({ epoch }) => epoch)}
              digits={4}
              curves={[
                { label: 'test', colour: 3, values: rows().map((row) => row.testLoss) },
                {
                  label: 'training',
                  colour: 3,
                  dashed: true,
                  values: rows().map((row) => row.trainLoss),
                },
              ]}
            />
          </section>
          <Show when={done()}>{(result) => <Result done={result()} name={name()} />}</Show>
        </div>
      </div>
    </>
  );
}

function Progress(props: {
  readonly begun: Begun | undefined;
  readonly step: Stepped | undefined;
  readonly rows: readonly LearnRow[];
  readonly done: Done | undefined;
  readonly isBusy: boolean;
  readonly epochs: number;
}) {
  const state = () => {
    const { begun, done, isBusy } = props;
    if (done) return `${done.isStopped ? 'Stopped' : 'Done'} after ${done.seconds.toFixed(1)} s`;
    if (!isBusy) return 'Not begun';
    return begun ? 'Training' : 'Getting ready …';
  };
  const best = () => Math.max(0, ...props.rows.map(({ testAccuracy }) => testAccuracy));
  return (
    <section class="card" aria-label="The training now">
      <h2 aria-live="polite">{state()}</h2>
      <progress
        max={props.begun?.steps ?? 1}
        value={props.done && !props.done.isStopped ? props.begun?.steps : (props.step?.step ?? 0)}
        aria-label="Steps done"
      />
      <dl class="numbers" style={{ 'margin-top': '0.75rem' }}>
        <div>
          <dt>Epoch</dt>
          <dd>
            {props.rows.length} / {props.epochs}
            <small>
              {props.begun
                ? `${props.begun.trainImages} images, ${props.begun.testImages} held out`
                : ' '}
            </small>
          </dd>
        </div>
        <div>
          <dt>Test accuracy</dt>
          <dd data-testid="accuracy">
            {props.rows.length > 0 ? `${props.rows.at(-1)!.testAccuracy.toFixed(2)} %` : '–'}
            <small>{props.rows.length > 0 ? `best ${best().toFixed(2)} %` : ' '}</small>
          </dd>
        </div>
        <div>
          <dt>Throughput</dt>
          <dd>
            {props.step ? `${Math.round(props.step.imagesPerSecond).toLocaleString('en')} /s` : '–'}
            <small>training images</small>
          </dd>
        </div>
        <div>
          <dt>Kernels</dt>
          <dd style={{ 'font-size': '0.95rem' }}>
            {props.begun?.kernels ?? '–'}
            <small>{props.begun ? `${props.begun.threads} threads` : ' '}</small>
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Result(props: { readonly done: Done; readonly name: string }) {
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

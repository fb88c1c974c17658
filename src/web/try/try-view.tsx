/** Try: a network on a picture, in this browser's own WebAssembly; nothing leaves the page. */
import { createMemo, createResource, createSignal, For, onCleanup, Show } from 'solid-js';
import { load, type Model } from '../../runtime/browser.ts';
import { askInfo, askModels, askRuns, modelUrl, runUrl } from '../shared/api.ts';
import { Problem } from '../shared/problem.tsx';
import { handedOver } from '../shared/trained.ts';
import { Pictures } from './pictures.tsx';

/** A network to choose: where it comes from, and what is known of it. */
interface Offer {
  readonly key: string;
  readonly title: string;
  readonly note: string;
  readonly source: () => string | Blob;
}

export default function TryView() {
  const [ownFiles, setOwnFiles] = createSignal<readonly File[]>([]);
  const [offers] = createResource(loadOffers);
  const all = createMemo((): readonly Offer[] => [
    ...handedOver().map(
      ({ name, file }): Offer => ({
        key: `here/${name}`,
        title: `Trained here: ${name}`,
        note: 'trained in this browser',
        source: () => file,
      }),
    ),
    ...ownFiles().map(
      (file): Offer => ({
        key: `file/${file.name}`,
        title: file.name,
        note: 'from a file',
        source: () => file,
      }),
    ),
    ...((offers.error ? undefined : offers()) ?? []),
  ]);
  const [chosen, setChosen] = createSignal<string>();
  const offer = createMemo(() => all().find(({ key }) => key === chosen()) ?? all()[0]);
  let isLeft = false;
  const [model] = createResource<Model, Offer>(offer, async (one, { value: before }) => {
    const loaded = await load(one.source());
    before?.dispose();
    // The view may have been left, or another chosen, while it loaded.
    if (isLeft || offer() !== one) loaded.dispose();
    return loaded;
  });
  const ready = () => (model.error ? undefined : model.latest);
  onCleanup(() => {
    isLeft = true;
    ready()?.dispose();
  });
  const takeNetwork = (file: File) => {
    setOwnFiles([file, ...ownFiles().filter(({ name }) => name !== file.name)]);
    setChosen(`file/${file.name}`);
  };
  return (
    <>
      <h1>Try a network</h1>
      <p class="lead">
        Drop a picture, or use the camera. It is classified here, in this browser; it goes nowhere.
      </p>
      <Pictures model={ready()} onNetwork={takeNetwork}>
        <section class="card">
          <label for="network">Network</label>
          <select
            id="network"
            value={offer()?.key}
            onChange={(event) => setChosen(event.currentTarget.value)}
          >
            <For each={all()}>
              {(one) => (
                <option value={one.key} selected={one.key === offer()?.key}>
                  {one.title}
                </option>
              )}
            </For>
          </select>
          <p class="note" style={{ 'min-height': '3rem' }}>
            {offer()?.note}
          </p>
          <Problem error={model.error} />
          <Problem error={offers.error} />
          <ModelFacts model={ready()} />
        </section>
      </Pictures>
    </>
  );
}

function ModelFacts(props: { readonly model: Model | undefined }) {
  return (
    <Show
      when={props.model}
      fallback={
        <p class="note" style={{ 'min-height': '7.5rem' }}>
          Loading …
        </p>
      }
    >
      {(model) => (
        <div style={{ 'min-height': '7.5rem' }}>
          <dl class="numbers">
            <div>
              <dt>Images</dt>
              <dd>
                {model().spec.input.width}×{model().spec.input.height}
                <small>{model().spec.input.channels === 1 ? 'grey' : 'colour'}</small>
              </dd>
            </div>
            <div>
              <dt>Kernels</dt>
              <dd style={{ 'font-size': '0.95rem' }}>
                {model().kernels.name}
                <small>
                  {model().kernels.threads} {model().kernels.threads === 1 ? 'thread' : 'threads'}
                </small>
              </dd>
            </div>
          </dl>
          <details>
            <summary>{model().classes.length} classes</summary>
            {model().classes.join(', ')}
          </details>
        </div>
      )}
    </Show>
  );
}

/** The networks that come with the page, and those of the runs. */
async function loadOffers(): Promise<readonly Offer[]> {
  const [models, runs] = await Promise.all([askModels(), runOffers()]);
  return [
    ...runs,
    ...models.map(
      ({ file, title, dataset, accuracy, bytes }): Offer => ({
        key: `models/${file}`,
        title,
        note: `${accuracy.toFixed(2)} % of the test images of ${dataset}; ${Math.round(bytes / 1024)} KiB`,
        source: () => modelUrl(file),
      }),
    ),
  ];
}

/** A static site has no runs beside those that its networks are from. */
async function runOffers(): Promise<readonly Offer[]> {
  const { live } = await askInfo();
  if (!live) return [];
  const runs = await askRuns();
  return runs
    .filter(({ hasModel }) => hasModel)
    .map(
      ({ id, net, depth, dataset, accuracy, epochs }): Offer => ({
        key: `runs/${id}`,
        title: `Run ${id}`,
        note: `${net}, depth ${depth}, ${dataset}, epoch ${epochs}${accuracy === null ? '' : `, ${accuracy.toFixed(2)} % of the test images`}`,
        source: () => runUrl(id, '.safetensors'),
      }),
    );
}

/** Try: a network on a picture, in this browser's own WebAssembly; nothing leaves the page. */
import { createMemo, createResource, createSignal, For, onCleanup, Show } from 'solid-js';
import { type Classification, load, type Model } from '../../runtime/browser.ts';
import { askInfo, askModels, askRuns, modelUrl, runUrl } from '../shared/api.ts';
import { Problem } from '../shared/problem.tsx';
import { handedOver } from '../shared/trained.ts';
import { startCamera } from './camera.ts';
import { Sight } from './sight.tsx';

/** A network to choose: where it comes from, and what is known of it. */
interface Offer {
  readonly key: string;
  readonly title: string;
  readonly note: string;
  readonly source: () => string | Blob;
}

/** What was seen, and what the network said. */
interface Answer {
  readonly classification: Classification;
  /** For this picture alone, its pixels' reading included. */
  readonly timeMs: number;
}

const mostShown = 5;

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
    ...(offers() ?? []),
  ]);
  const [chosen, setChosen] = createSignal<string>();
  const offer = createMemo(() => all().find(({ key }) => key === chosen()) ?? all()[0]);
  const [model] = createResource<Model, Offer>(offer, async (one, { value: before }) => {
    const loaded = await load(one.source());
    before?.dispose();
    return loaded;
  });
  const ready = () => (model.error ? undefined : model.latest);
  onCleanup(() => ready()?.dispose());
  const [picture, setPicture] = createSignal<HTMLCanvasElement | ImageBitmap>();
  const [answer, setAnswer] = createSignal<Answer>();
  const [problem, setProblem] = createSignal<unknown>();
  const classify = async (image: HTMLCanvasElement | ImageBitmap | HTMLVideoElement) => {
    const network = ready();
    if (!network) return;
    const began = performance.now();
    const classification = await network.classify(image as ImageBitmap);
    setAnswer({ classification, timeMs: performance.now() - began });
  };
  const show = async (file: Blob) => {
    stopCamera();
    setProblem(undefined);
    try {
      const bitmap = await createImageBitmap(file);
      setPicture(bitmap);
      await classify(bitmap);
    } catch (error) {
      setAnswer(undefined);
      const name = file instanceof File ? file.name : 'image';
      const isImage = error instanceof DOMException;
      setProblem(
        isImage ? new Error(`${name}: must be an image that this browser can decode`) : error,
      );
    }
  };
  const takeFiles = (files: Iterable<File>) => {
    for (const file of files) {
      if (/\.safetensors$/i.test(file.name)) {
        setOwnFiles([file, ...ownFiles().filter(({ name }) => name !== file.name)]);
        setChosen(`file/${file.name}`);
        setAnswer(undefined);
      } else show(file);
    }
  };
  const [camera, setCamera] = createSignal<{ readonly video: HTMLVideoElement; stop(): void }>();
  const stopCamera = () => {
    camera()?.stop();
    setCamera(undefined);
  };
  onCleanup(stopCamera);
  const openCamera = async () => {
    setProblem(undefined);
    try {
      setCamera(await startCamera((video) => classify(video)));
    } catch (error) {
      setProblem(error);
    }
  };
  const [isOver, setOver] = createSignal(false);
  return (
    <>
      <h1>Try a network</h1>
      <p class="lead">
        Drop a picture, or use the camera. It is classified here, in this browser; it goes nowhere.
      </p>
      <div class="columns">
        <div class="stack">
          <section class="card">
            <label for="network">Network</label>
            <select
              id="network"
              value={offer()?.key}
              onChange={(event) => {
                setChosen(event.currentTarget.value);
                setAnswer(undefined);
              }}
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
          <section
            class="card drop"
            aria-label="Pictures"
            classList={{ over: isOver() }}
            onDragOver={(event) => {
              event.preventDefault();
              setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(event) => {
              event.preventDefault();
              setOver(false);
              takeFiles(event.dataTransfer?.files ?? []);
            }}
          >
            <label for="picture">Drop a picture here, or a .safetensors file, or choose one</label>
            <input
              id="picture"
              type="file"
              accept="image/*,.safetensors"
              multiple
              onChange={(event) => takeFiles(event.currentTarget.files ?? [])}
            />
            <div class="buttons" style={{ 'justify-content': 'center' }}>
              <button type="button" onClick={() => (camera() ? stopCamera() : openCamera())}>
                {camera() ? 'Stop the camera' : 'Use the camera'}
              </button>
            </div>
            <Problem error={problem()} />
          </section>
        </div>
        <div class="stack">
          <section class="card" aria-live="polite" aria-label="What the network says">
            <h2>{answer()?.classification.top[0]?.name ?? 'Nothing yet'}</h2>
            <ul class="bars">
              <For each={answer()?.classification.top.slice(0, mostShown)}>
                {({ name, probability }) => (
                  <li>
                    <span>{name}</span>
                    <span class="bar">
                      <i style={{ width: `${100 * probability}%` }} />
                    </span>
                    <span class="share">{(100 * probability).toFixed(1)} %</span>
                  </li>
                )}
              </For>
            </ul>
            <p class="note" data-testid="time">
              {answer()
                ? `${answer()!.timeMs.toFixed(1)} ms for this picture`
                : 'Drop a picture to begin.'}
            </p>
          </section>
          <Sight picture={camera()?.video ?? picture()} model={ready()} at={answer()} />
        </div>
      </div>
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
      ({ file, title, dataset, accuracy, images, bytes }): Offer => ({
        key: `models/${file}`,
        title,
        note: `${accuracy.toFixed(2)} % of the ${images.toLocaleString('en')} test images of ${dataset}; ${Math.round(bytes / 1024)} KiB`,
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

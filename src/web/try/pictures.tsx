/** Pictures for a network: dropped, chosen or from the camera, what it says of them, and what it sees of them. */
import { createEffect, createSignal, For, type JSX, on, onCleanup, Show } from 'solid-js';
import type { Classification } from '../../runtime/runtime.ts';
import { Problem } from '../shared/problem.tsx';
import { startCamera } from './camera.ts';
import { type PageNetwork, type Picture, Sight } from './sight.tsx';

/** What the network said of a picture. */
interface Answer {
  readonly classification: Classification;
  /** For this picture alone, its pixels' reading included. */
  readonly timeMs: number;
}

const mostShown = 5;

export function Pictures(props: {
  readonly model: PageNetwork | undefined;
  /** Above the place for pictures. */
  readonly children: JSX.Element;
  /** Files that are networks; undefined where none are taken. */
  readonly onNetwork?: (file: File) => void;
}) {
  const [picture, setPicture] = createSignal<ImageBitmap>();
  const [camera, setCamera] = createSignal<{ readonly video: HTMLVideoElement; stop(): void }>();
  const [answer, setAnswer] = createSignal<Answer>();
  const [problem, setProblem] = createSignal<unknown>();
  const [isOver, setOver] = createSignal(false);
  const classify = async (image: Picture) => {
    if (!props.model) return;
    const began = performance.now();
    const classification = await props.model.classify(image);
    setAnswer({ classification, timeMs: performance.now() - began });
  };
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
  const show = async (file: File) => {
    stopCamera();
    setProblem(undefined);
    setAnswer(undefined);
    try {
      const bitmap = await createImageBitmap(file).catch(() => {
        throw new Error(`${file.name}: must be an image that this browser can decode`);
      });
      setPicture(bitmap);
      await classify(bitmap);
    } catch (error) {
      setProblem(error);
    }
  };
  const takeFiles = (files: Iterable<File>) => {
    for (const file of files) {
      if (props.onNetwork && /\.safetensors$/i.test(file.name)) props.onNetwork(file);
      else show(file);
    }
  };
  const again = async () => {
    const shown = picture();
    setAnswer(undefined);
    // The first picture would be told the time of the engine's compiling.
    await props.model?.classify(new ImageData(8, 8)).catch(() => {});
    if (shown && !camera()) classify(shown).catch(setProblem);
  };
  createEffect(on(() => props.model, again));
  return (
    <div class="columns">
      <div class="stack">
        {props.children}
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
          <label for="picture">
            Drop a picture here{props.onNetwork ? ', or a .safetensors file' : ''}, or choose one
          </label>
          <input
            id="picture"
            type="file"
            accept={props.onNetwork ? 'image/*,.safetensors' : 'image/*'}
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
            <Show when={answer()} fallback="Drop a picture to begin.">
              {(found) => `${found().timeMs.toFixed(1)} ms for this picture`}
            </Show>
          </p>
        </section>
        <Sight picture={camera()?.video ?? picture()} model={props.model} at={answer()} />
      </div>
    </div>
  );
}

/** Pictures for a network: dropped, chosen or from the camera, what it says of them, and what it sees of them. */
import { createSignal, For, type JSX, Show } from 'solid-js';
import { Problem } from '../shared/problem.tsx';
import { type Answer, createPictures } from './picture-state.ts';
import { type PageNetwork, Sight } from './sight.tsx';

const mostShown = 5;

export function Pictures(props: {
  readonly model: PageNetwork | undefined;
  /** Above the place for pictures. */
  readonly children: JSX.Element;
  /** Files that are networks; undefined where none are taken. */
  readonly onNetwork?: (file: File) => void;
}) {
  const pictures = createPictures(() => props.model);
  const takeFiles = (files: Iterable<File>) => {
    for (const file of files) {
      if (props.onNetwork && /\.safetensors$/i.test(file.name)) props.onNetwork(file);
      else pictures.show(file);
    }
  };
  return (
    <div class="columns">
      <div class="stack">
        {props.children}
        <DropPlace onFiles={takeFiles} takesNetworks={props.onNetwork !== undefined}>
          <div class="buttons" style={{ 'justify-content': 'center' }}>
            <button type="button" onClick={pictures.toggleCamera}>
              {pictures.isCameraOn() ? 'Stop the camera' : 'Use the camera'}
            </button>
          </div>
          <Problem error={pictures.problem()} />
        </DropPlace>
      </div>
      <div class="stack">
        <Says answer={pictures.answer()} />
        <Sight picture={pictures.picture()} model={props.model} at={pictures.answer()} />
      </div>
    </div>
  );
}

function DropPlace(props: {
  readonly takesNetworks: boolean;
  readonly onFiles: (files: Iterable<File>) => void;
  readonly children: JSX.Element;
}) {
  const [isOver, setOver] = createSignal(false);
  return (
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
        props.onFiles(event.dataTransfer?.files ?? []);
      }}
    >
      <label for="picture">
        Drop a picture here{props.takesNetworks ? ', or a .safetensors file' : ''}, or choose one
      </label>
      <input
        id="picture"
        type="file"
        accept={props.takesNetworks ? 'image/*,.safetensors' : 'image/*'}
        onChange={(event) => props.onFiles(event.currentTarget.files ?? [])}
      />
      {props.children}
    </section>
  );
}

function Says(props: { readonly answer: Answer | undefined }) {
  return (
    <section class="card" aria-live="polite" aria-label="What the network says">
      <h2>{props.answer?.classification.top[0]?.name ?? 'Nothing yet'}</h2>
      <ul class="bars">
        <For each={props.answer?.classification.top.slice(0, mostShown)}>
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
        <Show when={props.answer} fallback="Drop a picture to begin.">
          {(found) => `${found().timeMs.toFixed(1)} ms for this picture`}
        </Show>
      </p>
    </section>
  );
}

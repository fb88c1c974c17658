/** What is to be trained, and on what. */
import { createSignal, Show } from 'solid-js';
import { createStore } from 'solid-js/store';
import { Choice, NumberField, TextField } from '../shared/fields.tsx';
import { Problem } from '../shared/problem.tsx';
import type { LearnSettings } from './messages.ts';
import { type OwnFolder, readFolder } from './own-images.ts';

/** What the form says. */
export interface LearnRequest {
  readonly settings: LearnSettings;
  /** Of recipe `folder`; undefined while none is chosen. */
  readonly folder: OwnFolder | undefined;
  readonly side: number;
}

const recipes = [
  ['digits', 'Handwritten digits, 8×8'],
  ['folder', 'A folder of mine'],
] as const;

export function LearnForm(props: {
  readonly isBusy: boolean;
  readonly problem: unknown;
  readonly note: string;
  readonly onStart: (request: LearnRequest) => void;
  readonly onStop: () => void;
  readonly onProblem: (problem: unknown) => void;
}) {
  const [chosen, choose] = createStore<LearnSettings>({
    recipe: 'digits',
    net: 'IGC-L24M2',
    depth: 8,
    epochs: 20,
    seed: 0,
    learningRate: 0.1,
    mirror: true,
  });
  const [folder, setFolder] = createSignal<OwnFolder>();
  const [side, setSide] = createSignal(32);
  const start = (event: Event) => {
    event.preventDefault();
    const mirror = chosen.recipe === 'folder' && chosen.mirror;
    props.onStart({ settings: { ...chosen, mirror }, folder: folder(), side: side() });
  };
  const takeFolder = (files: FileList | null) => {
    props.onProblem(undefined);
    try {
      setFolder(readFolder([...(files ?? [])]));
    } catch (error) {
      setFolder(undefined);
      props.onProblem(error);
    }
  };
  return (
    <form class="card" onSubmit={start}>
      <Choice
        label="Images"
        value={chosen.recipe}
        options={recipes}
        onChange={(recipe) => choose({ recipe })}
      />
      <Show when={chosen.recipe === 'folder'}>
        <FolderField folder={folder()} onFiles={takeFolder} />
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
            checked={chosen.mirror}
            onChange={(event) => choose({ mirror: event.currentTarget.checked })}
          />
          <label for="mirror">Mirror them at random</label>
        </div>
      </Show>
      <TextField label="Network" value={chosen.net} onInput={(net) => choose({ net })} />
      <NumberField
        label="Depth"
        value={chosen.depth}
        min={5}
        onInput={(depth) => choose({ depth })}
      />
      <NumberField
        label="Epochs"
        value={chosen.epochs}
        min={1}
        onInput={(epochs) => choose({ epochs })}
      />
      <NumberField
        label="Learning rate"
        value={chosen.learningRate}
        min={0.0001}
        step="any"
        onInput={(learningRate) => choose({ learningRate })}
      />
      <NumberField label="Seed" value={chosen.seed} min={0} onInput={(seed) => choose({ seed })} />
      <div class="buttons">
        <button class="main" type="submit" disabled={props.isBusy}>
          Train
        </button>
        <button type="button" onClick={() => props.onStop()} disabled={!props.isBusy}>
          Stop
        </button>
      </div>
      <Problem error={props.problem} />
      <p class="note" aria-live="polite">
        {props.note}
      </p>
    </form>
  );
}

function FolderField(props: {
  readonly folder: OwnFolder | undefined;
  readonly onFiles: (files: FileList | null) => void;
}) {
  const said = () => {
    if (!props.folder) return 'A fifth of each class is held out for testing.';
    const { files, classes } = props.folder;
    return `${files.length} images of ${classes.length} classes: ${classes.slice(0, 8).join(', ')}`;
  };
  return (
    <div class="field">
      <label for="folder">Folder with one folder of images for each class</label>
      <input
        id="folder"
        type="file"
        multiple
        ref={(input) => {
          input.webkitdirectory = true;
        }}
        onChange={(event) => props.onFiles(event.currentTarget.files)}
      />
      <p class="note">{said()}</p>
    </div>
  );
}

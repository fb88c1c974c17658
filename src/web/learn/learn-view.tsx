/** Train here: a network trained in this browser, on the digits or on images of one's own that never leave it. */
import { createSignal, Show } from 'solid-js';
import digitsUrl from '../../../data/digits/digits.csv.gz?url';
import { LearnForm, type LearnRequest } from './learn-form.tsx';
import { LearnCharts, LearnProgress, LearnResult } from './learn-progress.tsx';
import type { LearnImages } from './messages.ts';
import { decodeFolder } from './own-images.ts';
import { createTraining } from './training.ts';

export default function LearnView() {
  const [name, setName] = createSignal('digits');
  const [note, setNote] = createSignal('');
  const training = createTraining(name);
  const start = (request: LearnRequest) => {
    const { settings, folder } = request;
    setName(settings.recipe === 'digits' ? 'digits' : (folder?.name ?? 'folder'));
    setNote('');
    training.start(settings, () => imagesOf(request, setNote));
  };
  return (
    <>
      <h1>Train in this browser</h1>
      <p class="lead">
        On the embedded handwritten digits, or on your own images, which never leave this machine.
      </p>
      <div class="columns">
        <LearnForm
          isBusy={training.state.isBusy}
          problem={training.state.problem}
          note={note()}
          onStart={start}
          onStop={training.stop}
          onProblem={training.complain}
        />
        <div class="stack">
          <LearnProgress state={training.state} />
          <LearnCharts rows={training.state.rows} />
          <Show when={training.state.done}>
            {(done) => <LearnResult done={done()} name={name()} />}
          </Show>
        </div>
      </div>
    </>
  );
}

/** The digits as they are kept, or somebody's images as pixels; `say` hears how far that is, and what was left out. */
async function imagesOf(
  { settings, folder, side }: LearnRequest,
  say: (note: string) => void,
): Promise<LearnImages | ArrayBuffer> {
  if (settings.recipe === 'digits') {
    const response = await fetch(digitsUrl);
    if (!response.ok) throw new Error(`digits: the server says ${response.status}`);
    return response.arrayBuffer();
  }
  if (!folder) throw new Error('folder: choose the folder of your images first');
  const { images, skipped } = await decodeFolder(folder, side, (count) =>
    say(`${count} of ${folder.files.length} images decoded`),
  );
  const isWhole = skipped.length === 0;
  say(isWhole ? '' : `Left out, since this browser cannot decode them: ${skipped.join(', ')}`);
  return images;
}

/**
 * The page that `igc export --format web` writes: one network and all that runs it in one file, which opens from a disk as
 * well as from a server. It asks for nothing.
 */
import { createResource, For } from 'solid-js';
import { render } from 'solid-js/web';
import { fetchKernels } from '../../kernels/wasm-browser.ts';
import { decodeModel } from '../../model/model-file.ts';
import { readImage } from '../../runtime/browser-image.ts';
import { openModel } from '../../runtime/runtime.ts';
import '../style.css';
import { Problem } from '../shared/problem.tsx';
import { Pictures } from '../try/pictures.tsx';

/** In the page as base64, and so both on a disk and on a server. */
const modules: Readonly<Record<string, () => URL>> = {
  'inference-simd128.wasm': () => new URL('../../../wasm/inference-simd128.wasm', import.meta.url),
  'inference-relaxed-simd.wasm': () =>
    new URL('../../../wasm/inference-relaxed-simd.wasm', import.meta.url),
};

/** What the export says of the network. */
interface About {
  readonly title: string;
  readonly lines: readonly string[];
}

const textOf = (id: string) => document.getElementById(id)?.textContent ?? '';
const about = JSON.parse(textOf('about')) as About;

async function open() {
  const bytes = Uint8Array.from(atob(textOf('model').trim()), (letter) => letter.charCodeAt(0));
  // One thread: a page from a disk may not have more.
  const kernels = await fetchKernels({ threads: 1 }, true, (file) => modules[file]!());
  return openModel(decodeModel(bytes, about.title), { kernels, readImage });
}

function Exported() {
  const [model] = createResource(open);
  const ready = () => (model.error ? undefined : model.latest);
  return (
    <main>
      <h1>{about.title}</h1>
      <p class="lead">
        Drop a picture, or use the camera. It is classified here, in this browser; it goes nowhere.
      </p>
      <Pictures model={ready()}>
        <section class="card">
          <For each={about.lines}>{(line) => <p class="note">{line}</p>}</For>
          <details>
            <summary>{ready()?.classes.length ?? 0} classes</summary>
            {ready()?.classes.join(', ')}
          </details>
          <Problem error={model.error} />
        </section>
      </Pictures>
    </main>
  );
}

render(() => <Exported />, document.getElementById('page')!);

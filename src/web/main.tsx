/** The page: a head with its parts, of which each is loaded when it is first looked at. */
import { createSignal, ErrorBoundary, For, lazy, onCleanup, Show, Suspense } from 'solid-js';
import { Dynamic, render } from 'solid-js/web';
import './style.css';
import { Problem } from './shared/problem.tsx';
import { Theme } from './shared/theme.tsx';

const parts = {
  design: { title: 'Design', view: lazy(() => import('./design/design-view.tsx')) },
  runs: { title: 'Train', view: lazy(() => import('./runs/runs-view.tsx')) },
  try: { title: 'Try', view: lazy(() => import('./try/try-view.tsx')) },
  learn: { title: 'Train here', view: lazy(() => import('./learn/learn-view.tsx')) },
} as const;
type PartName = keyof typeof parts;

/** `#/try` → `try`; undefined for places in a part. */
function partInAddress(): PartName | undefined {
  const name = /^#\/([a-z]+)/.exec(location.hash)?.[1] ?? '';
  return Object.hasOwn(parts, name) ? (name as PartName) : undefined;
}

function Page() {
  const [part, setPart] = createSignal<PartName>('design');
  const follow = () => {
    setPart(partInAddress() ?? part());
    document.title = `${parts[part()].title} · igcnet`;
  };
  follow();
  addEventListener('hashchange', follow);
  onCleanup(() => removeEventListener('hashchange', follow));
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/design">
          <img src="./icon.svg" alt="" width="28" height="28" />
          igcnet
        </a>
        <nav class="tabs" aria-label="Parts of the page">
          <For each={Object.entries(parts)}>
            {([name, { title }]) => (
              <a href={`#/${name}`} aria-current={part() === name ? 'page' : undefined}>
                {title}
              </a>
            )}
          </For>
        </nav>
        <Theme />
      </header>
      <main id="content" tabindex="-1">
        <Show when={part()} keyed>
          {(name) => (
            <ErrorBoundary fallback={(error) => <Problem error={error} />}>
              <Suspense fallback={<p class="note">Loading …</p>}>
                <Dynamic component={parts[name].view} />
              </Suspense>
            </ErrorBoundary>
          )}
        </Show>
      </main>
    </>
  );
}

render(() => <Page />, document.getElementById('page')!);

/** How wide an element is, as the window changes; pictures are drawn for it at a height that does not change. */
import { type Accessor, createSignal, onCleanup, onMount } from 'solid-js';

/** The width in pixels of the element given to `ref`; `first` until it is on the page. */
export function createWidth(first = 600): {
  readonly ref: (element: HTMLElement) => void;
  readonly width: Accessor<number>;
} {
  const [width, setWidth] = createSignal(first);
  let element: HTMLElement | undefined;
  onMount(() => {
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry && entry.contentRect.width > 0) setWidth(Math.round(entry.contentRect.width));
    });
    observer.observe(element);
    onCleanup(() => observer.disconnect());
  });
  return {
    ref(found) {
      element = found;
    },
    width,
  };
}

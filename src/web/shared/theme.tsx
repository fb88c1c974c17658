/** Light, dark, or as the system is; remembered on this machine. */
import { createEffect, createSignal } from 'solid-js';

const key = 'igcnet-theme';

function remembered(): string {
  try {
    return localStorage.getItem(key) ?? 'auto';
  } catch {
    return 'auto'; // a page may be forbidden to remember
  }
}

export function Theme() {
  const [theme, setTheme] = createSignal(remembered());
  createEffect(() => {
    const { dataset } = document.documentElement;
    if (theme() === 'auto') delete dataset.theme;
    else dataset.theme = theme();
    try {
      localStorage.setItem(key, theme());
    } catch {
      // It holds for as long as the page is open.
    }
  });
  return (
    <select
      class="theme"
      aria-label="Colours"
      value={theme()}
      onChange={(event) => setTheme(event.currentTarget.value)}
    >
      <option value="auto">Auto</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}

/** A text to take away, with a button that copies it. */
import { createSignal } from 'solid-js';

export function Copy(props: { readonly label: string; readonly text: string }) {
  const [said, setSaid] = createSignal('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      setSaid('Copied');
    } catch {
      setSaid('Select it and copy'); // a page may be forbidden to write to the clipboard
    }
    setTimeout(() => setSaid(''), 2500);
  };
  return (
    <div class="field">
      <span class="label">{props.label}</span>
      <pre tabindex="0">{props.text}</pre>
      <button type="button" onClick={copy} aria-label={`Copy: ${props.label}`}>
        Copy
      </button>{' '}
      <span class="note" aria-live="polite">
        {said()}
      </span>
    </div>
  );
}

/** An error where it arose, in words. */
import { Show } from 'solid-js';

/** The error's own line, or nothing. */
export function Problem(props: { readonly error: unknown }) {
  return (
    <Show when={props.error}>
      <p class="error" role="alert">
        {messageOf(props.error)}
      </p>
    </Show>
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

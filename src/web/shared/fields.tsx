/** Inputs with their labels, and messages where a value cannot be. */
import { createUniqueId, For, Show } from 'solid-js';

/** A whole number: a slider and the number itself, of which either changes the other. */
export function Slider(props: {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly onInput: (value: number) => void;
}) {
  const id = createUniqueId();
  const take = (text: string) => {
    const value = Math.round(Number(text));
    if (text.trim() !== '' && value >= props.min && value <= props.max) props.onInput(value);
  };
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="number"
        min={props.min}
        max={props.max}
        value={props.value}
        onChange={(event) => {
          take(event.currentTarget.value);
          event.currentTarget.value = `${props.value}`;
        }}
      />
      <input
        type="range"
        aria-label={`${props.label}, slider`}
        min={props.min}
        max={props.max}
        value={props.value}
        onInput={(event) => take(event.currentTarget.value)}
      />
    </div>
  );
}

/** A number that is written; `error` says why it cannot be. */
export function NumberField(props: {
  readonly label: string;
  readonly value: number;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number | 'any';
  readonly error?: string | undefined;
  readonly onInput: (value: number) => void;
}) {
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="number"
        min={props.min}
        max={props.max}
        step={props.step ?? 1}
        value={props.value}
        aria-invalid={props.error !== undefined}
        aria-describedby={props.error ? `${id}-error` : undefined}
        onInput={(event) => {
          const { value } = event.currentTarget;
          props.onInput(value.trim() === '' ? Number.NaN : Number(value));
        }}
      />
      <Show when={props.error}>
        <p class="error" id={`${id}-error`}>
          {props.error}
        </p>
      </Show>
    </div>
  );
}

/** A text that is written. */
export function TextField(props: {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
}) {
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        value={props.value}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </div>
  );
}

/** One of several. */
export function Choice<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onChange: (value: T) => void;
}) {
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        value={props.value}
        onChange={(event) => props.onChange(event.currentTarget.value as T)}
      >
        <For each={props.options}>
          {([value, text]) => (
            <option value={value} selected={value === props.value}>
              {text}
            </option>
          )}
        </For>
      </select>
    </div>
  );
}

/** Nested plain objects: values by the path of their keys (`optimizer.learningRate`), merging, differences. */

/** Sets `target.a.b` for the path `a.b`; a value on the way that is no object is replaced. */
export function setPath(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  let place = target;
  for (const key of keys) {
    const inner = Object.hasOwn(place, key) ? place[key] : undefined;
    if (isRecord(inner)) {
      place = inner;
      continue;
    }
    const fresh: Record<string, unknown> = {};
    place[key] = fresh;
    place = fresh;
  }
  place[last] = value;
}

/** The value at the path `a.b`; undefined where there is none. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => {
    const isObject = typeof at === 'object' && at !== null && Object.hasOwn(at, key);
    return isObject ? (at as Record<string, unknown>)[key] : undefined;
  }, value);
}

/** A value as people write it: texts bare, everything else as JSON. */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `over` laid over `base`: objects key by key; everything else replaces. Undefined keeps the base. */
export function mergeOver(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isRecord(base) || !isRecord(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = mergeOver(base[key], value);
  return merged;
}

/** Every path at which two values differ, with both. */
export function* differingValues(
  a: unknown,
  b: unknown,
  path = '',
): Generator<readonly [path: string, a: unknown, b: unknown]> {
  if (isRecord(a) && isRecord(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      yield* differingValues(a[key], b[key], path === '' ? key : `${path}.${key}`);
    }
  } else if (JSON.stringify(a) !== JSON.stringify(b)) {
    yield [path, a, b];
  }
}

/** Is it an object with keys, and no array? */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

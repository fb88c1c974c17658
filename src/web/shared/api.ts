/** What the page asks for beside itself: files of a static site, or answers of `igc ui`. */
import type {
  PageEvent,
  PageInfo,
  PageMistakes,
  PageReport,
  PageRun,
  PageRunDetail,
} from '../../ui/page-data.ts';

const base = new URL('api/', document.baseURI);

/** Where a run's files are; `kind` is what follows its id. */
export function runUrl(id: string, kind: string): string {
  return new URL(`runs/${encodeURIComponent(id)}${kind}`, base).href;
}

async function ask<T>(url: string | URL, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init).catch(() => undefined);
  if (!response) throw new Error('igcnet: the server does not answer; is igc ui still running?');
  const text = await response.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`igcnet: the server says ${response.status}`);
  }
  if (response.ok) return value as T;
  const { error } = value as { readonly error?: string };
  throw new Error(error ?? `igcnet: the server says ${response.status}`);
}

export const askInfo = () => ask<PageInfo>(new URL('info.json', base));
export const askRuns = () => ask<readonly PageRun[]>(new URL('runs.json', base));
export const askReport = () => ask<PageReport | null>(new URL('report.json', base));
export const askRun = (id: string) => ask<PageRunDetail>(runUrl(id, '.json'));
export const askMistakes = (id: string) => ask<PageMistakes>(runUrl(id, '/mistakes.json'));

/** Sends an order to `igc ui`. */
export function order<T>(what: 'start' | 'stop', value: unknown = {}): Promise<T> {
  return ask<T>(new URL(what, base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  });
}

/** Hears what changes until the function that is returned is called; `onLost` is told whether the connection is lost. */
export function listen(
  onEvent: (event: PageEvent) => void,
  onLost: (isLost: boolean) => void,
): () => void {
  const source = new EventSource(new URL('events', base));
  source.onmessage = ({ data }: MessageEvent<string>) => onEvent(JSON.parse(data) as PageEvent);
  source.onopen = () => onLost(false);
  source.onerror = () => onLost(true);
  return () => source.close();
}

/** A network that comes with the page, in `models/index.json`. */
export interface PageModel {
  /** Below models/. */
  readonly file: string;
  readonly title: string;
  readonly dataset: string;
  /** In percent of the test images, as `igc eval --weights float16` measured it. */
  readonly accuracy: number;
  readonly bytes: number;
}

const models = new URL('models/', document.baseURI);
export const askModels = () => ask<readonly PageModel[]>(new URL('index.json', models));
export const modelUrl = (file: string) => new URL(file, models).href;

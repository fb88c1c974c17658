/**
 * What the command says and where: data on stdout, everything else on stderr. Colours only on a terminal and
 * when NO_COLOR is not set.
 */
import path from 'node:path';

/** A run of text in one of the few colours that the command uses. */
export interface Palette {
  bold(text: string): string;
  faint(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

type OutputStream = Pick<NodeJS.WriteStream, 'isTTY'>;

/** The palette for a stream: plain unless it is a terminal that wants colour. https://no-color.org */
export function paletteFor(output: OutputStream, env: NodeJS.ProcessEnv = process.env): Palette {
  const coloured = output.isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
  const paint = (code: number) => (text: string) =>
    coloured ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { bold: paint(1), faint: paint(2), red: paint(31), green: paint(32), yellow: paint(33) };
}

/** Data: one piece of text on stdout. */
export function printData(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Data as JSON on stdout. */
export function printJson(value: unknown): void {
  printData(JSON.stringify(value, null, 2));
}

/** News for the person in front of it: a line on stderr. */
export function printNews(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A warning, as it looks on stderr. */
export function warningText(text: string): string {
  return `${paletteFor(process.stderr).yellow('warning:')} ${text}`;
}

/** 91.32 as `91.32%`. */
export function formatPercent(percent: number): string {
  return `${percent.toFixed(2)}%`;
}

/** `1 run`, `2 runs`. */
export function formatCounted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

/** A duration: `850 ms`, `12.3 s`, `4:05`, `2:03:04`. */
export function formatDuration(timeMs: number): string {
  if (timeMs < 1000) return `${Math.round(timeMs)} ms`;
  if (timeMs < 60_000) return `${(timeMs / 1000).toFixed(1)} s`;
  return formatClock(timeMs);
}

/** A duration as a clock: `0:07`, `4:05`, `2:03:04`. */
export function formatClock(timeMs: number): string {
  const seconds = Math.round(timeMs / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** A path as short as it can be said from the working folder. */
export function shortPath(absolute: string): string {
  const relative = path.relative(process.cwd(), absolute) || '.';
  return relative.length < absolute.length ? relative : absolute;
}

/** A text from a file as a terminal may show it: without line ends and control characters. */
export function shownText(text: string): string {
  return text.replace(/\p{Cc}/gu, '�');
}

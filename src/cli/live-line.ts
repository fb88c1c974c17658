/**
 * One line that rewrites itself on a terminal, under lines that stay. Where the output is no terminal only the lines that
 * stay are written.
 */
import { displayWidth } from '../draw/text-table.ts';

/** Where progress is written: stderr, in general. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface LiveLine {
  /** Whether anybody sees the line that rewrites itself. */
  readonly isLive: boolean;
  /** A line that stays, above the live one. */
  line(text: string): void;
  /** Writes the live line anew, cut to the terminal's width. */
  rewrite(text: string): void;
  /** Removes the live line. */
  finish(): void;
}

export function makeLiveLine(output: ProgressOutput, env: NodeJS.ProcessEnv): LiveLine {
  const isLive = output.isTTY === true && env.TERM !== 'dumb';
  let shown = false;
  const finish = () => {
    if (shown) output.write('\r\u001b[2K');
    shown = false;
  };
  return {
    isLive,
    finish,
    line(text) {
      finish();
      output.write(`${text}\n`);
    },
    rewrite(text) {
      if (!isLive) return;
      output.write(`\r\u001b[2K${cut(text, (output.columns ?? 80) - 1)}`);
      shown = true;
    },
  };
}

function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return [...text].slice(0, Math.max(0, width)).join('');
}

/** A peer in a process of its own, asked one JSON object per line. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Answer = Readonly<Record<string, unknown>>;

export interface PeerProcess {
  /** Throws with the last thing that the process complained about when it ends instead of answering. */
  ask(request: object): Promise<Answer>;
  /** Ends it, and waits until it has. */
  close(): Promise<void>;
}

export function startProcess(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): PeerProcess {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-10_000);
  });
  child.on('error', (error) => {
    errors = error.message;
  });
  child.stdin.on('error', () => {}); // it ended; `ask` says so
  return {
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(lastComplaint(errors));
      return JSON.parse(value) as Answer;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Is it a python that has this module? It is not imported to find out. */
export function hasModule(python: string, name: string): boolean {
  const script = `import importlib.util as u; assert u.find_spec("${name}")`;
  return spawnSync(python, ['-c', script], { timeout: 60_000 }).status === 0;
}

/** The line of a stack trace or traceback that says what went wrong. */
function lastComplaint(errors: string): string {
  const lines = errors.trim().split('\n');
  return lines.findLast((line) => /Error|error:/.test(line))?.trim() ?? lines.at(-1) ?? 'it ended';
}

/** Functions that run in a worker thread, called from another: questions and answers by number, errors by their class. */
import { type MessagePort, type TransferListItem, Worker } from 'node:worker_threads';
import { IgcError, internalError } from '../core/errors.ts';
import { fromPlainError, type PlainError, toPlainError } from '../core/plain-error.ts';

interface Question<Request> {
  readonly id: number;
  readonly request: Request;
}

type Answer<Reply> =
  | { readonly id: number; readonly reply: Reply }
  | { readonly id: number; readonly error: PlainError };

interface Caller<Reply> {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** A worker thread that answers. */
export interface WorkerCalls<Request, Reply> {
  /** What the worker makes of `request`; what is in `transfer` is moved there instead of copied. */
  call(request: Request, transfer?: readonly TransferListItem[]): Promise<Reply>;
  /** Ends the thread; calls that are not answered yet are rejected. */
  close(): Promise<void>;
  /** Rejects when the thread ends before it is closed. */
  readonly failed: Promise<never>;
}

/** Starts the worker at `url`, which must call `answerCalls`. */
export function startWorkerCalls<Request, Reply>(
  url: URL,
  { name, data }: { readonly name: string; readonly data?: unknown },
): WorkerCalls<Request, Reply> {
  const worker = new Worker(url, { name: `igcnet ${name}`, workerData: data });
  const callers = new Map<number, Caller<Reply>>();
  let lastId = 0;
  let ending: Error | undefined;
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {}); // whoever wants to know listens
  const end = (error: Error) => {
    ending ??= error;
    for (const { reject } of callers.values()) reject(ending);
    callers.clear();
  };
  worker.on('message', (answer: Answer<Reply>) => {
    const caller = callers.get(answer.id);
    callers.delete(answer.id);
    if ('error' in answer) caller?.reject(fromPlainError(answer.error));
    else caller?.resolve(answer.reply);
  });
  const die = (error: Error) => {
    if (!ending) fail(error);
    end(error);
  };
  worker.on('error', (error) => die(internalError(`the ${name} thread: ${error.message}`)));
  worker.on('exit', (code) => die(internalError(`the ${name} thread exited with code ${code}`)));
  return {
    failed,
    call(request, transfer = []) {
      if (ending) return Promise.reject(ending);
      const id = ++lastId;
      worker.postMessage({ id, request } satisfies Question<Request>, transfer);
      return new Promise((resolve, reject) => callers.set(id, { resolve, reject }));
    },
    async close() {
      end(new IgcError('interrupted', `${name}: stopped`));
      await worker.terminate();
    },
  };
}

/** What a worker thread does with each request; the reply's `transfer` is moved instead of copied. */
export function answerCalls<Request, Reply>(
  port: MessagePort | null,
  handle: (
    request: Request,
  ) => Promise<{ readonly reply: Reply; readonly transfer?: readonly TransferListItem[] }>,
): void {
  if (port === null) throw internalError('must be started as a worker');
  port.on('message', async ({ id, request }: Question<Request>) => {
    try {
      const { reply, transfer = [] } = await handle(request);
      port.postMessage({ id, reply } satisfies Answer<Reply>, transfer);
    } catch (error) {
      port.postMessage({ id, error: toPlainError(error) } satisfies Answer<Reply>);
    }
  });
}

/**
 * Gathers what arrives one by one into batches: an item waits for others until the batch is full or `maxWaitMs` are
 * over. Knows nothing of images or HTTP; time comes from outside, so that tests can make it.
 */
import { internalError } from '../core/errors.ts';

/** When, and later. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls once after `timeMs`; what it returns calls it off. */
  after(timeMs: number, call: () => void): () => void;
}

/** How to batch, and what to do with a batch. */
export interface BatcherOptions<Item, Result> {
  /** Most items in a batch. */
  readonly batch: number;
  /** Longest that an item waits for others while nothing is being computed. */
  readonly maxWaitMs: number;
  /** Most items that have a place and are not being computed. */
  readonly queue: number;
  /** How many of `due` items, at most `batch`, are best computed at once. */
  readonly share: (due: number) => number;
  /** The results of a batch, in its order. */
  readonly compute: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly clock: Clock;
}

/** Room in the queue for the items of one request. */
export interface Place<Item, Result> {
  /** Puts the items in the queue, as many as the place is for; rejects with what `compute` threw. */
  submit(items: readonly Item[]): Promise<readonly Result[]>;
  /** Gives back what is not being computed yet; results still to come are rejected with `reason`. At any time. */
  leave(reason: unknown): void;
}

/** A queue that empties itself in batches. */
export interface Batcher<Item, Result> {
  /** Room for `count` items, or undefined when the queue is full. */
  enter(count: number): Place<Item, Result> | undefined;
  /** Items that have a place and are not being computed. */
  waiting(): number;
}

interface Member<Result> {
  /** How many of its items take room in the queue. */
  room: number;
  left: number;
  readonly results: Result[];
  resolve(results: readonly Result[]): void;
  reject(error: unknown): void;
}

interface Queued<Item, Result> {
  readonly item: Item;
  readonly index: number;
  readonly since: number;
  readonly member: Member<Result>;
}

/**
 * While a batch is computed the next one is sent after it as soon as it is full, so that nothing stands idle between two;
 * one that is not full waits until the computation is free.
 */
export function makeBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Batcher<Item, Result> {
  const { batch, maxWaitMs, queue: room, share, compute, clock } = options;
  let queue: Queued<Item, Result>[] = [];
  let waiting = 0;
  let inFlight = 0;
  let callOff: (() => void) | undefined;

  const send = async () => {
    const taken = queue.splice(0, share(Math.min(batch, queue.length)));
    waiting -= taken.length;
    for (const { member } of taken) member.room--;
    inFlight++;
    await computeTaken(taken, compute);
    inFlight--;
    look();
  };
  /** Sends what is due, and comes back for what is not. */
  const look = () => {
    callOff?.();
    callOff = undefined;
    while (queue.length >= batch && inFlight < 2) void send();
    if (queue.length === 0 || inFlight > 0) return;
    const restMs = queue[0]!.since + maxWaitMs - clock.now();
    if (restMs <= 0) void send();
    else callOff = clock.after(restMs, look);
  };
  const enqueue = (member: Member<Result>, items: readonly Item[]) => {
    const since = clock.now();
    for (const [index, item] of items.entries()) queue.push({ item, index, since, member });
    look();
  };
  const leave = (member: Member<Result>) => {
    waiting -= member.room;
    member.room = 0;
    queue = queue.filter((one) => one.member !== member);
    look();
  };
  return {
    waiting: () => waiting,
    enter(count) {
      if (waiting + count > room) return undefined;
      waiting += count;
      return makePlace(count, enqueue, leave);
    },
  };
}

function makePlace<Item, Result>(
  count: number,
  enqueue: (member: Member<Result>, items: readonly Item[]) => void,
  leave: (member: Member<Result>) => void,
): Place<Item, Result> {
  const { promise, resolve, reject } = withResolvers<readonly Result[]>();
  promise.catch(() => {}); // of a place that is left before anything was submitted
  let hasLeft = false;
  const member: Member<Result> = { room: count, left: count, results: [], resolve, reject };
  return {
    submit(items) {
      if (items.length !== count) throw internalError(`a place for ${count}, not ${items.length}`);
      if (!hasLeft) enqueue(member, items);
      return promise;
    },
    leave(reason) {
      if (hasLeft) return;
      hasLeft = true;
      reject(reason);
      leave(member);
    },
  };
}

/** Computes a batch and tells everybody in it what came of it; never throws. */
async function computeTaken<Item, Result>(
  taken: readonly Queued<Item, Result>[],
  compute: BatcherOptions<Item, Result>['compute'],
): Promise<void> {
  try {
    const results = await compute(taken.map(({ item }) => item));
    if (results.length !== taken.length) throw internalError('a result is missing in a batch');
    for (const [i, one] of taken.entries()) deliver(one, results[i]!);
  } catch (error) {
    for (const { member } of taken) member.reject(error);
  }
}

function deliver<Item, Result>({ index, member }: Queued<Item, Result>, result: Result): void {
  member.results[index] = result;
  if (--member.left === 0) member.resolve(member.results);
}

/** What Promise.withResolvers is in Node 22. */
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/**
 * A team of threads of one process, for tests where there is no MPI: the same promises as src/team/mpi-team.ts, sums in the order
 * of the ranks.
 */

const [arrived, round] = [0, 1];

/** Memory that the threads of a team share: a barrier, and room for what each of them says. */
export function threadTeamMemory(ranks, bytes) {
  return { barrier: new SharedArrayBuffer(8), room: new SharedArrayBuffer(ranks * bytes), bytes };
}

/** One rank's view of the team. */
export function threadTeam({ barrier, room, bytes }, rank, ranks) {
  const words = new Int32Array(barrier);
  const meet = () => {
    const current = Atomics.load(words, round);
    if (Atomics.add(words, arrived, 1) + 1 === ranks) {
      Atomics.store(words, arrived, 0);
      Atomics.add(words, round, 1);
      Atomics.notify(words, round);
      return;
    }
    while (Atomics.load(words, round) === current) {
      if (Atomics.wait(words, round, current, 20_000) === 'timed-out') {
        throw new Error(`rank ${rank} was left alone`);
      }
    }
  };
  const all = (Type, length) =>
    Array.from({ length: ranks }, (_, r) => new Type(room, r * bytes, length));
  const sum = (values) => {
    if (values.byteLength > bytes) throw new Error(`no room for ${values.byteLength} bytes`);
    const shares = all(values.constructor, values.length);
    shares[rank].set(values);
    meet();
    for (let i = 0; i < values.length; i++) {
      values[i] = shares.reduce((total, share) => total + share[i], 0);
    }
    meet();
  };
  return {
    rank,
    ranks,
    hosts: Array.from({ length: ranks }, (_, r) => `host-${r}`),
    library: 'threads',
    step: 0,
    isLost: false,
    startSum: sum,
    finishSums() {},
    sum,
    broadcast(values) {
      const [first] = all(Uint8Array, values.length);
      if (rank === 0) first.set(values);
      meet();
      values.set(first);
      meet();
    },
    close() {},
  };
}

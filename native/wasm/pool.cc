// The pool of pool.h in wasm: workers are JavaScript threads that share the memory and call `work`. A loop does not
// depend on their being there: whoever has come in before its tasks are out takes some, and its caller, which may not
// sleep (in a page it is the main thread), waits only for those.
#include "../pool.h"

#include "export.h"

namespace igc {

struct Pool {
  int threads;
  Task task;
  void* context;
  int count;
  bool backwards = false;
  int next;        // of the loop's tasks
  int open;        // whether a loop may be entered
  int inside;      // workers that look at the loop
  int generation;  // of loops; what workers sleep on
  int sleeping;
  int shared;      // loops that a worker took part in
};

namespace {

Pool pool{1};

#if defined(__wasm_atomics__)

// Between the loops of one step workers spin (tens of microseconds); between steps they sleep.
constexpr int kSpins = 20000;

int load(const int& x) { return __atomic_load_n(&x, __ATOMIC_SEQ_CST); }
void store(int& x, int value) { __atomic_store_n(&x, value, __ATOMIC_SEQ_CST); }
int add(int& x, int value) { return __atomic_fetch_add(&x, value, __ATOMIC_SEQ_CST); }

bool drain(int worker) {
  for (bool some = false;; some = true) {
    int i = add(pool.next, 1);
    if (i >= pool.count) return some;
    pool.task(pool.context, pool.backwards ? pool.count - 1 - i : i, worker);
  }
}

void waitForLoop(int seen) {
  for (int spins = 0; spins < kSpins; spins++)
    if (load(pool.generation) != seen) return;
  add(pool.sleeping, 1);
  while (load(pool.generation) == seen) __builtin_wasm_memory_atomic_wait32(&pool.generation, seen, -1);
  add(pool.sleeping, -1);
}

#endif

}  // namespace

#if defined(__wasm_atomics__)

// The life of worker 1, 2, ...; never returns.
EXPORT void work(int worker) {
  int seen = 0;
  for (;;) {
    waitForLoop(seen);
    seen = load(pool.generation);
    add(pool.inside, 1);
    if (load(pool.open) && drain(worker)) add(pool.shared, 1);
    add(pool.inside, -1);
  }
}

// So that a test can tell.
EXPORT int loopsShared() { return load(pool.shared); }

#endif

Pool* createPool(int threads) {
  pool.threads = threads;
  return &pool;
}
void destroyPool(Pool*) {}
int poolThreads(const Pool*) { return pool.threads; }
// One JavaScript thread calls.
void lockPool(Pool*) {}
void unlockPool(Pool*) {}

void parallelFor(Pool*, int count, Task task, void* context, bool backwards) {
#if defined(__wasm_atomics__)
  if (count > 1 && pool.threads > 1) {
    pool.task = task;
    pool.context = context;
    pool.count = count;
    pool.backwards = backwards;
    store(pool.next, 0);
    store(pool.open, 1);
    add(pool.generation, 1);
    if (load(pool.sleeping) > 0) __builtin_wasm_memory_atomic_notify(&pool.generation, -1);
    drain(0);
    store(pool.open, 0);
    while (load(pool.inside) > 0) {}
    return;
  }
#endif
  for (int i = 0; i < count; i++) task(context, backwards ? count - 1 - i : i, 0);
}

}  // namespace igc

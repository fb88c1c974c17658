// A fixed set of worker threads. parallelFor hands out tasks 0..count-1, equal parts of neighbours to each worker, who
// takes his own first to last (or last to first) and then helps the others; which worker takes which task may differ
// from run to run, so a task may only write what no other task of the same loop writes.
#pragma once
namespace igc {
struct Pool;
using Task = void (*)(void* context, int task, int worker);
Pool* createPool(int threads);
void destroyPool(Pool*);
int poolThreads(const Pool*);
void parallelFor(Pool*, int count, Task, void* context, bool backwards = false);
// One caller at a time may use a pool; whole steps are run under this lock.
void lockPool(Pool*);
void unlockPool(Pool*);
// Of a clock that only goes forward; a wasm module has none.
#if defined(__wasm__)
inline long long nanoseconds() { return 0; }
#else
long long nanoseconds();
#endif
}  // namespace igc

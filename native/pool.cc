#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace igc {

namespace {
inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}
// Between the loops of one step workers spin (tens of microseconds); between steps they sleep.
constexpr int kSpins = 4000;
// Of a ticket: more than tasks and workers together.
constexpr int kNumberBits = 32;
constexpr uint64_t kNumber = (uint64_t(1) << kNumberBits) - 1;
}  // namespace

// A worker's part of a loop: the same in every loop over the same images, so that what it has in its caches is what it
// needs. The next task's number, and above it the number of the last one's follower: taken together, so that a worker
// that comes too late for a loop sees that it is over, or takes part in the next one; nobody waits for those who did
// nothing.
struct alignas(64) Range {
  std::atomic<uint64_t> tickets{0};
  int first = 0;
};

struct Pool {
  int threads = 1;
  std::vector<std::thread> workers;
  std::mutex useLock;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<unsigned> generation{0};
  std::atomic<int> sleeping{0};
  std::atomic<bool> stop{false};
  Task task = nullptr;
  void* context = nullptr;
  bool backwards = false;
  std::unique_ptr<Range[]> ranges;  // one a worker
  std::atomic<int> done{0};

  // Its own range first, then what the others have left.
  void drain(int worker) {
    for (int k = 0; k < threads; k++) {
      Range& range = ranges[(worker + k) % threads];
      for (;;) {
        uint64_t ticket = range.tickets.fetch_add(1, std::memory_order_acq_rel);
        int i = int(ticket & kNumber), end = int(ticket >> kNumberBits);
        if (i >= end) break;
        task(context, backwards ? range.first + end - 1 - i : i, worker);
        done.fetch_add(1, std::memory_order_release);
      }
    }
  }

  void loop(int worker) {
    unsigned seen = 0;
    for (;;) {
      int spins = 0;
      while (generation.load(std::memory_order_acquire) == seen && !stop.load(std::memory_order_relaxed)) {
        if (++spins < kSpins) {
          relax();
          continue;
        }
        std::unique_lock<std::mutex> lock(mutex);
        sleeping.fetch_add(1);
        wake.wait(lock, [&] { return generation.load() != seen || stop.load(); });
        sleeping.fetch_sub(1);
      }
      if (stop.load()) return;
      seen = generation.load(std::memory_order_acquire);
      drain(worker);
    }
  }
};

Pool* createPool(int threads) {
  Pool* pool = new Pool;
  pool->threads = threads < 1 ? 1 : threads;
  pool->ranges = std::make_unique<Range[]>(size_t(pool->threads));
  for (int i = 1; i < pool->threads; i++) pool->workers.emplace_back([pool, i] { pool->loop(i); });
  return pool;
}

void destroyPool(Pool* pool) {
  {
    std::lock_guard<std::mutex> lock(pool->mutex);
    pool->stop.store(true);
  }
  pool->wake.notify_all();
  for (auto& worker : pool->workers) worker.join();
  delete pool;
}

int poolThreads(const Pool* pool) { return pool->threads; }
void lockPool(Pool* pool) { pool->useLock.lock(); }
void unlockPool(Pool* pool) { pool->useLock.unlock(); }

long long nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void parallelFor(Pool* pool, int count, Task task, void* context, bool backwards) {
  if (count <= 0) return;
  if (count == 1 || pool->threads == 1) {
    for (int i = 0; i < count; i++) task(context, backwards ? count - 1 - i : i, 0);
    return;
  }
  pool->task = task;
  pool->context = context;
  pool->backwards = backwards;
  pool->done.store(0, std::memory_order_relaxed);
  for (int w = 0; w < pool->threads; w++) {
    uint64_t first = uint64_t(count) * w / pool->threads, end = uint64_t(count) * (w + 1) / pool->threads;
    pool->ranges[w].first = int(first);
    pool->ranges[w].tickets.store(end << kNumberBits | first, std::memory_order_release);
  }
  pool->generation.fetch_add(1);
  if (pool->sleeping.load() > 0) {
    { std::lock_guard<std::mutex> lock(pool->mutex); }
    pool->wake.notify_all();
  }
  pool->drain(0);
  int spins = 0;
  while (pool->done.load(std::memory_order_acquire) < count) {
    if (++spins < 20000) relax();
    else std::this_thread::yield();
  }
}

}  // namespace igc

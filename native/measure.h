// What this machine can do at most: multiply-adds in registers, and streams of memory; for comparison with what
// the kernels reach. Each task works until a common deadline, so that a thread that wakes late costs nothing.
#pragma once
#include "pool.h"
#include "vector.h"

namespace igc {
namespace IGC_ISA {
namespace {

#if defined(__wasm__)
constexpr decltype(nullptr) fmaRate = nullptr, streamRates = nullptr;  // without a clock
#else

// Independent sums: enough to hide the latency of the multiply-adds, few enough for the registers.
constexpr int kSums = LANES == 16 ? 24 : 12;
constexpr int kRepeats = 4096;
constexpr int kMostThreads = 1024;

struct PeakTask {
  int64_t deadline;
  float factor, summand;
  double operations[kMostThreads];  // of each task
  float sink[kMostThreads];
};

void peakTask(void* context, int task, int) {
  PeakTask& job = *static_cast<PeakTask*>(context);
  V factor = splat(job.factor), summand = splat(job.summand), sums[kSums];
  for (int i = 0; i < kSums; i++) sums[i] = splat(float(i));
  double operations = 0;
  do {
    for (int r = 0; r < kRepeats; r++) UNROLL for (int i = 0; i < kSums; i++) sums[i] = sums[i] * factor + summand;
    operations += 2.0 * kRepeats * kSums * LANES;
  } while (nanoseconds() < job.deadline);
  V total{};
  for (int i = 0; i < kSums; i++) total = total + sums[i];
  job.sink[task] = float(laneSum(total));
  job.operations[task] = operations;
}

// Floating-point operations a second, two per multiply-add, of all threads together.
double fmaRate(Pool* pool, int64_t duration) {
  PeakTask job;
  int threads = minimum(poolThreads(pool), kMostThreads);
  for (int i = 0; i < threads; i++) job.operations[i] = 0;
  volatile float factor = 0.999f, summand = 0.001f;  // unknown to the compiler; the sums tend to 1
  job.factor = factor;
  job.summand = summand;
  int64_t start = nanoseconds();
  job.deadline = start + duration;
  parallelFor(pool, threads, peakTask, &job);
  double seconds = double(nanoseconds() - start) * 1e-9, operations = 0;
  for (int i = 0; i < threads; i++) operations += job.operations[i];
  return operations / seconds;
}

struct StreamTask {
  V* to;  // none: only read
  const V* from;
  int64_t vectors;
  float* sinks;  // of each task
};
constexpr int64_t kStreamChunk = 1 << 14;  // vectors

void streamTask(void* context, int task, int) {
  StreamTask& job = *static_cast<StreamTask*>(context);
  int64_t first = task * kStreamChunk, last = first + kStreamChunk < job.vectors ? first + kStreamChunk : job.vectors;
  if (job.to) {
    for (int64_t i = first; i < last; i++) job.to[i] = job.from[i];
    return;
  }
  V sums[8]{};
  int64_t i = first;
  for (; i + 8 <= last; i += 8) UNROLL for (int k = 0; k < 8; k++) sums[k] = sums[k] + job.from[i + k];
  for (; i < last; i++) sums[0] = sums[0] + job.from[i];
  for (int k = 1; k < 8; k++) sums[0] = sums[0] + sums[k];
  job.sinks[task] = float(laneSum(sums[0]));
}

// Bytes a second of reading `buffer`, and of copying its first half to its second (read and written bytes).
// `buffer` must be larger than the caches; `sinks` holds a float for every kStreamChunk vectors.
void streamRates(Pool* pool, float* buffer, int64_t floats, float* sinks, double* read, double* copy) {
  V* vectors = (V*)buffer;
  int64_t all = floats / LANES, half = all / 2;
  auto rate = [&](StreamTask job, double bytes) {
    int64_t start = nanoseconds();
    parallelFor(pool, int((job.vectors + kStreamChunk - 1) / kStreamChunk), streamTask, &job);
    return bytes / (double(nanoseconds() - start) * 1e-9);
  };
  *read = rate({nullptr, vectors, all, sinks}, double(all) * sizeof(V));
  *copy = rate({vectors + half, vectors, half, nullptr}, double(2 * half) * sizeof(V));
}

#endif

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

// A plan in memory: what the Node addon, the wasm module and the test harness share. It knows nothing of JavaScript,
// and nothing of the standard library's containers, which the wasm build does not have.
#pragma once
#include "engine.h"

namespace igc {

// Everything that a plan needs, allocated once and freed together: aligned to a vector, and where it is large to a
// huge page (planes lie far apart, and 4 KiB pages cost 13 % of a step in address translation).
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { release(); }
  // Zeros, or null where there is no memory for them.
  template <class T>
  T* make(int64_t count) {
    return static_cast<T*>(take((count < 1 ? 1 : count) * int64_t(sizeof(T))));
  }
  void release();

 private:
  struct Piece {
    void* pointer;
    int64_t bytes;
    Piece* next;
  };
  void* take(int64_t bytes);
  Piece* pieces_ = nullptr;
};

struct Instance {
  Executor e{};
  const KernelTable* kernels = nullptr;
  Arena arena;
  int64_t activationSize = 0, gradientSize = 0;
};

// What a model brings: its arrays outlive the instance.
struct ModelArrays {
  float *parameters, *gradients, *state;
};

// Reads a plan encoded as numbers (src/kernels/native-program.ts writes it, in the order read here); e.pool and
// kernels are set. With `poison`, activations and gradients begin as NaN. False: not enough memory.
bool instantiate(Instance&, const double* program, const ModelArrays&, bool poison);

// Allocations so far in this process, and the bytes now held.
struct MemoryCount {
  int64_t allocations, bytes;
};
MemoryCount memoryCount();

}  // namespace igc

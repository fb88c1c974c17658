// What JavaScript calls (src/kernels/wasm-module.ts): makes instances of encoded plans and runs them. Pointers are
// places in the module's memory; the caller takes and gives back what it passes. TypeScript has checked everything.
#include <cstdlib>

#include "../instance.h"
#include "../pool.h"
#include "export.h"
#include "memory.h"

using namespace igc;

inline void* operator new(size_t, void* place) noexcept { return place; }

EXPORT int lanes() { return kernelsBaseline()->lanes; }
EXPORT void setThreads(int threads) { createPool(threads); }

EXPORT void* take(size_t bytes) { return std::aligned_alloc(64, bytes); }
EXPORT void give(void* pointer) { std::free(pointer); }
EXPORT double allocationsMade() { return double(memoryUse.allocations); }
EXPORT double bytesHeld() { return double(memoryUse.bytes); }

EXPORT void destroy(Instance* in) {
  in->~Instance();
  std::free(in);
}

// Null: not enough memory.
EXPORT Instance* create(const double* program, float* parameters, float* gradients, float* state, int poison) {
  void* place = std::aligned_alloc(64, sizeof(Instance));
  if (!place) return nullptr;
  Instance* in = new (place) Instance;
  in->kernels = kernelsBaseline();
  in->e.pool = createPool(poolThreads(nullptr));
  if (instantiate(*in, program, {parameters, gradients, state}, poison != 0)) return in;
  destroy(in);
  return nullptr;
}

EXPORT void setBatch(Instance* in, const float* images, const int32_t* labels, int count, const int32_t* partners,
                     const float* weights) {
  in->kernels->setBatch(&in->e, images, labels, count, partners, weights);
}
EXPORT void prepare(Instance* in) { in->kernels->prepare(&in->e); }
EXPORT void forward(Instance* in, double oldWeight) {
  in->e.oldWeight = oldWeight;
  in->kernels->forward(&in->e);
}

// Values of a tensor as [count][C][H][W].
EXPORT void readTensor(const Instance* in, int tensor, int count, float* out) {
  in->kernels->readActivation(&in->e, in->e.tensors[tensor], count, out);
}

#if !defined(IGC_INFERENCE)

EXPORT void backward(Instance* in, int from, int to) { in->kernels->backward(&in->e, from, to); }
EXPORT const double* losses(const Instance* in) { return in->e.losses; }
EXPORT const float* arena(const Instance* in, int gradients) {
  return gradients ? in->e.gradients : (const float*)in->e.activations;
}

EXPORT void readGradient(const Instance* in, int tensor, int count, float* out) {
  in->kernels->readGradient(&in->e, in->e.tensors[tensor], count, out);
}
EXPORT void writeGradient(Instance* in, int tensor, const float* values) {
  in->kernels->writeGradient(&in->e, in->e.tensors[tensor], values);
}

EXPORT void updateSgd(float* w, const float* g, float* m, int n, double lr, double mu, double decay, int nesterov) {
  kernelsBaseline()->updateSgd(createPool(poolThreads(nullptr)), w, g, m, n, float(lr), float(mu), float(decay), nesterov);
}

#endif

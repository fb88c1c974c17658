// How activations are stored: as vectors of float32 or, in kernels compiled with IGC_BFLOAT16, as the upper halves of
// their numbers, rounded to nearest even. Arithmetic is float32 in both.
#pragma once
#include "vector.h"

namespace igc {
namespace IGC_ISA {
namespace {

class Float32 {
 public:
  INLINE operator V() const { return v_; }
  // Stores v; returns what reading it gives.
  INLINE V put(V v) { return v_ = v; }

 private:
  V v_;
};
INLINE float toFloat(float f) { return f; }

#if defined(IGC_BFLOAT16)
class Bfloat16 {
 public:
  INLINE operator V() const { return (V)(__builtin_convertvector(halves_, Words) << 16); }
  INLINE V put(V v) {
    Words bits = (Words)v, odd = (bits >> 16) & 1u;
    Words rounded = (bits + (odd + 0x7fffu)) & 0xffff0000u;
    Words kept = v == v ? rounded : Words{} + 0x7fc00000u;
    halves_ = __builtin_convertvector(kept >> 16, Halves);
    return (V)kept;
  }

 private:
  typedef uint16_t Halves __attribute__((vector_size(LANES * 2)));
  typedef uint32_t Words __attribute__((vector_size(LANES * 4)));
  Halves halves_;
};
INLINE float toFloat(uint16_t half) {
  uint32_t bits = uint32_t(half) << 16;
  float f;
  __builtin_memcpy(&f, &bits, sizeof f);
  return f;
}
typedef Bfloat16 Stored;
typedef uint16_t Element;
#else
typedef Float32 Stored;
typedef float Element;
#endif

// Where block b of a tensor's channel is stored.
INLINE Stored* activation(const Executor& e, const Tensor& t, int block, int channel) {
  return (Stored*)((Element*)e.activations + t.offset) + (int64_t(block) * t.channels + channel) * t.plane;
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

// How activations are stored: as vectors of float32 or, in kernels compiled with IGC_BFLOAT16, as the upper halves of
// their numbers, rounded to nearest even. Arithmetic is float32 in both.
#pragma once
#include "vector.h"

namespace igc {
namespace IGC_ISA {
namespace {

INLINE float toFloat(float f) { return f; }
INLINE void putNumber(float& to, float f) { to = f; }

#if defined(IGC_BFLOAT16)
typedef uint16_t Element;
constexpr bool kStoresVectors = false;

class Stored {
 public:
  INLINE operator V() const { return (V)(__builtin_convertvector(halves_, Words) << 16); }
  // Stores v; returns what reading it gives.
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
INLINE void putNumber(uint16_t& to, float f) {
  uint32_t bits;
  __builtin_memcpy(&bits, &f, sizeof f);
  to = f == f ? uint16_t((bits + (((bits >> 16) & 1u) + 0x7fffu)) >> 16) : uint16_t(0x7fc0);
}
#else
typedef float Element;
constexpr bool kStoresVectors = true;

class Stored {
 public:
  INLINE operator V() const { return v_; }
  INLINE V put(V v) { return v_ = v; }

 private:
  V v_;
};
#endif

// Where block b of a tensor's channel is stored.
INLINE Stored* activation(const Executor& e, const Tensor& t, int block, int channel) {
  return (Stored*)((Element*)e.activations + t.offset) + (int64_t(block) * t.channels + channel) * t.plane;
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

// One vector = the same value of LANES images. GCC/Clang vector extensions only, so that one source serves
// every instruction set; the build compiles this once per set with IGC_ISA (a namespace) and LANES.
#pragma once
#include <cstdint>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "engine.h"

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif
#define INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, VI{__VA_ARGS__})
#endif

namespace igc {
namespace IGC_ISA {
namespace {

typedef float V __attribute__((vector_size(LANES * 4)));
typedef int32_t VI __attribute__((vector_size(LANES * 4)));

// f - 0 is f whatever its sign, so this is a broadcast and no arithmetic.
INLINE V splat(float f) { return f - V{}; }
// max(0, x); a NaN stays one, so that divergence shows.
INLINE V rectify(V x) {
#if defined(__AVX512F__)
  return _mm512_max_ps(V{}, x);  // of the comparison and choice below GCC makes two instructions
#else
  return x < 0.0f ? V{} : x;
#endif
}

// a b + c. Other compilers contract the plain expression where there is an FMA; clang does not for relaxed SIMD.
#if defined(__wasm_relaxed_simd__)
INLINE V multiplyAdd(V a, V b, V c) {
  typedef float Q __attribute__((vector_size(16)));
  union {
    V v;
    Q q[LANES / 4];
  } x{a}, y{b}, z{c};
  UNROLL for (int i = 0; i < LANES / 4; i++) z.q[i] = __builtin_wasm_relaxed_madd_f32x4(x.q[i], y.q[i], z.q[i]);
  return z.v;
}
#else
INLINE V multiplyAdd(V a, V b, V c) { return a * b + c; }
#endif

INLINE double laneSum(V v) {
  double sum = 0;
  for (int i = 0; i < LANES; i++) sum += double(v[i]);
  return sum;
}

// Sum of N vectors by halving: no chain of dependent additions.
template <int N>
INLINE V treeSum(const V* v) {
  if constexpr (N == 1) return v[0];
  else return treeSum<N / 2>(v) + treeSum<N - N / 2>(v + N / 2);
}

INLINE int minimum(int a, int b) { return a < b ? a : b; }
INLINE int maximum(int a, int b) { return a > b ? a : b; }
INLINE int ceilDiv(int a, int b) { return (a + b - 1) / b; }

// Sums of the lanes of LANES vectors at once, by halving: 3 operations a vector instead of a chain each.
#if LANES == 16
INLINE V halve8(V a, V b) {
  return SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
         SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}
INLINE V halve4(V a, V b) {
  return SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
         SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}
INLINE V halve2(V a, V b) {
  return SHUFFLE(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
         SHUFFLE(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}
INLINE V halve1(V a, V b) {
  return SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
INLINE V sumLanes(const V* v) {
  V q[4];
  for (int i = 0; i < 4; i++) {
    q[i] = halve4(halve8(v[4 * i], v[4 * i + 1]), halve8(v[4 * i + 2], v[4 * i + 3]));
  }
  return halve1(halve2(q[0], q[1]), halve2(q[2], q[3]));
}
#elif LANES == 8
INLINE V halve4(V a, V b) {
  return SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
         SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}
INLINE V halve2(V a, V b) {
  return SHUFFLE(a, b, 0, 1, 4, 5, 8, 9, 12, 13) +
         SHUFFLE(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
}
INLINE V halve1(V a, V b) {
  return SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14) +
         SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
INLINE V sumLanes(const V* v) {
  return halve1(halve2(halve4(v[0], v[1]), halve4(v[2], v[3])),
                halve2(halve4(v[4], v[5]), halve4(v[6], v[7])));
}
#else
INLINE V halve2(V a, V b) {
  return SHUFFLE(a, b, 0, 1, 4, 5) + SHUFFLE(a, b, 2, 3, 6, 7);
}
INLINE V halve1(V a, V b) {
  return SHUFFLE(a, b, 0, 2, 4, 6) + SHUFFLE(a, b, 1, 3, 5, 7);
}
INLINE V sumLanes(const V* v) { return halve1(halve2(v[0], v[1]), halve2(v[2], v[3])); }
#endif

// out[i] = sum of the lanes of v[i].
template <int N>
INLINE void reduceLanes(const V* v, float* out) {
  constexpr int padded = (N + LANES - 1) / LANES * LANES;
  V copy[padded];
  UNROLL for (int i = 0; i < padded; i++) copy[i] = i < N ? v[i] : V{};
  for (int i = 0; i < N; i += LANES) {
    V sums = sumLanes(copy + i);
    for (int j = 0; j < LANES && i + j < N; j++) out[i + j] = sums[j];
  }
}

// Where block b of a tensor's channel starts.
INLINE V* plane(float* arena, int64_t offset, const Tensor& t, int block, int channel) {
  return (V*)(arena + offset) + (int64_t(block) * t.channels + channel) * t.plane;
}

INLINE int blocks(const Executor& e) { return e.replicas * e.blocksPerReplica; }

// Lanes of an image, and images of a block.
INLINE int tilesOf(const Executor& e) { return e.gridRows * e.gridColumns; }
INLINE int imagesPerBlock(const Executor& e) { return LANES / tilesOf(e); }

// The first image of a block, and how many of its images are real.
INLINE int firstImage(const Executor& e, int block) {
  return block / e.blocksPerReplica * (e.batch / e.replicas) + block % e.blocksPerReplica * imagesPerBlock(e);
}
INLINE int imagesInBlock(const Executor& e, int block) {
  int perReplica = e.batch / e.replicas, most = imagesPerBlock(e);
  int inReplica = perReplica - block % e.blocksPerReplica * most;
  return maximum(0, minimum(most, minimum(inReplica, e.count - firstImage(e, block))));
}
// Ones for the real images of a block.
INLINE V laneMask(const Executor& e, int block) {
  V mask{};
  int n = imagesInBlock(e, block);
  for (int i = 0; i < n; i++) mask[i] = 1.0f;
  return mask;
}

// relu?(scale * x + shift): how a tensor's channel is read in one replica.
struct View {
  V scale, shift;
  bool affine, relu;
  INLINE V operator()(V x) const {
    if (affine) x = x * scale + shift;
    return relu ? rectify(x) : x;
  }
};
INLINE View viewOf(const Executor& e, const Tensor& t, int block, int channel) {
  View view{splat(1), splat(0), t.bn >= 0, t.relu != 0};
  if (view.affine) {
    const BatchNorm& bn = e.batchNorms[t.bn];
    int i = block / e.blocksPerReplica * bn.channels + channel;
    view.scale = splat(bn.scale[i]);
    view.shift = splat(bn.shift[i]);
  }
  return view;
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

// Where the register tiles put their results: a stored tensor, scratch, or a gradient. `load` begins row r of output
// o, `store` takes P pixels of it from column c on, `save` ends it.
#pragma once
#include "batch-norm.h"

namespace igc {
namespace IGC_ISA {
namespace {

// What is added to every result of output o, if anything.
INLINE const float* biasOf(const Executor& e, const Conv& c, int o) {
  if (c.finish) return c.finish + o;
  return c.bias >= 0 ? e.parameters + c.bias + o : nullptr;
}

template <int P>
INLINE void finish(V (&a)[P], const float* bias, bool relu) {
  if (bias) UNROLL for (int p = 0; p < P; p++) a[p] += splat(*bias);
  if (relu) UNROLL for (int p = 0; p < P; p++) a[p] = rectify(a[p]);
}

// The output tensor; STATISTICS: also the sums of its batch norm, for training.
template <bool STATISTICS>
struct TensorStore {
  Stored* y;            // first row of the strip, channel 0
  int64_t planeSize;
  int width;
  const int* channel;   // of each output
  const float* bias;    // or null
  bool relu;
  const float* center;  // of the statistics, as the rest
  V* sums;              // [output][2]
  V mask;
  bool partial;
  struct Sums {
    Stored* to;
    V s, q;
  };
  INLINE Sums load(int o, int r) const {
    Stored* to = y + channel[o] * planeSize + int64_t(r) * width;
    if (STATISTICS) return {to, sums[2 * o], sums[2 * o + 1]};
    return {to, V{}, V{}};
  }
  INLINE void save(int o, const Sums& k) {
    if (!STATISTICS) return;
    sums[2 * o] = k.s;
    sums[2 * o + 1] = k.q;
  }
  template <int P>
  INLINE void store(int o, int, int c, V (&a)[P], Sums& sum) {
    Stored* to = sum.to + c;
    finish(a, bias ? bias + o : nullptr, relu);
    UNROLL for (int p = 0; p < P; p++) a[p] = to[p].put(a[p]);
    if (!STATISTICS) return;
    V k = splat(center[channel[o]]), q[P];
    UNROLL for (int p = 0; p < P; p++) a[p] = partial ? (a[p] - k) * mask : a[p] - k;
    UNROLL for (int p = 0; p < P; p++) q[p] = a[p] * a[p];
    sum.s += treeSum<P>(a);
    sum.q += treeSum<P>(q);
  }
};

// A result that the next convolution reads.
struct ScratchStore {
  V* at;                // first row of the strip, channel 0, after the padding
  int64_t planeSize;
  int cols;
  const int* channel;
  const float* bias;
  bool relu;
  struct Sums {
    V* to;
  };
  INLINE Sums load(int o, int r) const { return {at + channel[o] * planeSize + int64_t(r) * cols}; }
  INLINE void save(int, const Sums&) {}
  template <int P>
  INLINE void store(int o, int r, int c, V (&a)[P], Sums& sum) {
    V* to = sum.to + c;
    finish(a, bias ? bias + o : nullptr, relu);
    UNROLL for (int p = 0; p < P; p++) to[p] = a[p];
  }
};

// A contribution to the gradient of a stored tensor.
struct GradientStore {
  V* dx;               // first row, channel 0
  const Stored* x;     // the tensor's raw values there
  int64_t planeSize;
  int width;
  const int* channel;
  Contribution* to;    // one per source channel
  using Sums = Contribution;
  INLINE Sums load(int o, int) const { return to[o]; }
  INLINE void save(int o, const Sums& k) {
    to[o].s0 = k.s0;
    to[o].s1 = k.s1;
  }
  template <int P>
  INLINE void store(int o, int r, int c, V (&a)[P], Sums& k) {
    int64_t at = channel[o] * planeSize + int64_t(r) * width + c;
    V* to = dx + at;
    if (k.relu && k.affine && k.sum) {  // the most frequent
      V y[P];
      UNROLL for (int p = 0; p < P; p++) y[p] = x[at + p];
      UNROLL for (int p = 0; p < P; p++) a[p] = multiplyAdd(y[p], k.scale, k.shift) > 0.0f ? a[p] : V{};
      if (k.add) UNROLL for (int p = 0; p < P; p++) a[p] += to[p];
      V q[P];
      UNROLL for (int p = 0; p < P; p++) {
        to[p] = a[p];
        q[p] = a[p] * (y[p] - k.mean);
      }
      k.s0 += treeSum<P>(a);
      k.s1 += treeSum<P>(q);
    } else if (!k.add && !k.needsValue()) {
      UNROLL for (int p = 0; p < P; p++) to[p] = a[p];
    } else {
      V copy[P];  // that the sums themselves stay in registers
      UNROLL for (int p = 0; p < P; p++) copy[p] = a[p];
      contribute(copy, to, x + at, P, k);
    }
  }
  static __attribute__((noinline)) void contribute(const V* g, V* to, const Stored* y, int n, Sums& k) {
    for (int p = 0; p < n; p++) to[p] = k(g[p], k.add ? to[p] : V{}, k.needsValue() ? V(y[p]) : V{});
  }
};

// The gradient of a result that lives in scratch only, masked by its ReLU.
struct BetweenStore {
  V* dx;               // first row, channel 0
  int64_t planeSize;
  int cols;
  const V* value;      // the rectified values there, in scratch; null without a ReLU
  int64_t valuePlane;
  int valueCols;
  const int* channel;
  struct Sums {};
  INLINE Sums load(int, int) const { return {}; }
  INLINE void save(int, const Sums&) {}
  template <int P>
  INLINE void store(int o, int r, int c, V (&a)[P], Sums&) {
    V* to = dx + channel[o] * planeSize + int64_t(r) * cols + c;
    if (!value) {
      UNROLL for (int p = 0; p < P; p++) to[p] = a[p];
      return;
    }
    const V* v = value + channel[o] * valuePlane + int64_t(r) * valueCols + c;
    UNROLL for (int p = 0; p < P; p++) to[p] = v[p] > 0.0f ? a[p] : V{};
  }
};

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

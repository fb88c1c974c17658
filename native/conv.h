// Convolution steps, forward and backward. A task is (block, chunk of groups, strip of output rows): it reads the
// strip's inputs through their views into zero-padded scratch, which stays in L2, and runs register tiles over it.
#pragma once
#include <cstring>

#include "batch-norm.h"
#include "micro.h"
#include "pool.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Scratch for the strips of one group, and the work worth handing to a thread, by measurement.
constexpr int64_t kScratchBytes = 512 * 1024;
constexpr int64_t kTaskMultiplyAdds = 24 * 1024;  // of vectors

// Vectors between the planes of a scratch: odd, so that channels do not fall into the same cache sets.
INLINE int64_t odd(int64_t n) { return n | 1; }

// Sizes of a strip of `rows` output rows; the transposed convolution needs K - 1 - pad zeros before the gradient.
struct StripShape {
  int inRows, inCols;              // of the padded input
  int64_t inPlane;
  int gradMargin, gradCols;        // zeros left of the output's gradient, and its width with them
};
INLINE StripShape stripShape(const Step& s, const Tensor& in, const Tensor& out, int rows) {
  StripShape k;
  k.inRows = (rows - 1) * s.stride + s.kernelH;
  k.inCols = maximum(in.width + 2 * s.padW, (out.width - 1) * s.stride + s.kernelW);
  k.inPlane = odd(int64_t(k.inRows) * k.inCols);
  k.gradMargin = maximum(0, s.kernelW - 1 - s.padW);
  k.gradCols = k.gradMargin + maximum((out.width - 1) * s.stride, in.width - 1 + s.padW) + 1;
  return k;
}

// Input rows that belong to the output rows [r0, r1): together the strips cover every input row once.
INLINE void ownedInputRows(const Step& s, const Tensor& in, const Tensor& out, int r0, int r1, int& i0, int& i1) {
  i0 = minimum(in.height, r0 * s.stride);
  i1 = r1 == out.height ? in.height : minimum(in.height, r1 * s.stride);
}
// Rows of the stride-dilated output gradient that a strip's backward reads.
INLINE void gradientRows(const Step& s, const Tensor& in, const Tensor& out, int r0, int r1, int& lo, int& hi) {
  int i0, i1;
  ownedInputRows(s, in, out, r0, r1, i0, i1);
  lo = minimum(i0 + s.padH - (s.kernelH - 1), r0 * s.stride);
  hi = maximum(i1 - 1 + s.padH, (r1 - 1) * s.stride);
}

inline void fillInput(const Executor& e, const Step& s, const Tensor& in, int block, int channel, int firstRow,
                      const StripShape& k, V* dst) {
  View view = viewOf(e, in, block, channel);
  const V* src = plane(e.activations, in.offset, in, block, channel);
  for (int r = 0; r < k.inRows; r++, dst += k.inCols) {
    int y = firstRow + r;
    if (y < 0 || y >= in.height) {
      for (int c = 0; c < k.inCols; c++) dst[c] = V{};
      continue;
    }
    const V* row = src + int64_t(y) * in.width;
    int c = 0;
    for (; c < s.padW; c++) dst[c] = V{};
    if (view.affine && view.relu) for (int x = 0; x < in.width; x++) dst[s.padW + x] = rectify(row[x] * view.scale + view.shift);
    else for (int x = 0; x < in.width; x++) dst[s.padW + x] = view(row[x]);
    for (c += in.width; c < k.inCols; c++) dst[c] = V{};
  }
}

// The output's gradient, turned into that of the raw output, spread out by the stride.
inline void fillGradient(const Executor& e, const Step& s, const Tensor& out, int block, int channel, int lo, int hi,
                         const StripShape& k, V* dst) {
  const V* grad = plane(e.gradients, out.gradientOffset, out, block, channel);
  const V* value = plane(e.activations, out.offset, out, block, channel);
  const bool normalized = out.bn >= 0;
  BatchNormGradient back{};
  if (normalized) back = batchNormGradient(e, e.batchNorms[out.bn], block, channel);
  for (int gd = lo; gd <= hi; gd++, dst += k.gradCols) {
    int r = gd / s.stride;
    bool inside = gd >= 0 && gd % s.stride == 0 && r < out.height;
    if (!inside || s.stride > 1) for (int c = 0; c < k.gradCols; c++) dst[c] = V{};
    if (!inside) continue;
    const V *g = grad + int64_t(r) * out.width, *y = value + int64_t(r) * out.width;
    V* to = dst + k.gradMargin;
    if (s.stride == 1) for (int c = 0; c < k.gradMargin; c++) dst[c] = V{};
    if (normalized) for (int x = 0; x < out.width; x++) to[x * s.stride] = back(g[x], y[x]);
    else for (int x = 0; x < out.width; x++) to[x * s.stride] = g[x];
    if (s.stride == 1) for (int c = k.gradMargin + out.width; c < k.gradCols; c++) dst[c] = V{};
  }
}

struct ForwardOut {
  V* y;                 // first row of the strip, channel 0
  int64_t planeSize;
  int width;
  const int* channel;   // of each output
  const float* bias;    // or null
  const float* center;  // or null: no statistics
  V* sums;              // [output][2]
  V mask;
  bool partial;
  struct Sums {
    V s, q;
  };
  INLINE Sums load(int o) const { return {sums[2 * o], sums[2 * o + 1]}; }
  INLINE void save(int o, const Sums& k) {
    sums[2 * o] = k.s;
    sums[2 * o + 1] = k.q;
  }
  template <int P>
  INLINE void store(int o, int r, int c, const V (&a)[P], Sums& sum) {
    V* to = y + channel[o] * planeSize + int64_t(r) * width + c;
    if (bias) {
      UNROLL for (int p = 0; p < P; p++) to[p] = a[p] + splat(bias[o]);
    } else {
      UNROLL for (int p = 0; p < P; p++) to[p] = a[p];
    }
    if (!center) return;
    V k = splat(center[channel[o]]);
    UNROLL for (int p = 0; p < P; p++) {
      V d = a[p] - k;
      if (partial) d *= mask;
      sum.s += d;
      sum.q += d * d;
    }
  }
};

struct BackwardOut {
  V* dx;               // first row, channel 0
  const V* x;          // the tensor's raw values there
  int64_t planeSize;
  int width;
  const int* channel;
  Contribution* to;    // one per source channel
  using Sums = Contribution;
  INLINE Sums load(int o) const { return to[o]; }
  INLINE void save(int o, const Sums& k) {
    to[o].s0 = k.s0;
    to[o].s1 = k.s1;
  }
  template <int P>
  INLINE void store(int o, int r, int c, const V (&a)[P], Sums& k) {
    int64_t at = channel[o] * planeSize + int64_t(r) * width + c;
    if (!k.add && !k.needsValue()) {
      UNROLL for (int p = 0; p < P; p++) dx[at + p] = a[p];
      return;
    }
    UNROLL for (int p = 0; p < P; p++) {
      dx[at + p] = k(a[p], k.add ? dx[at + p] : V{}, k.needsValue() ? x[at + p] : V{});
    }
  }
};

struct StepTask {
  Executor* e;
  Step* s;
};

// Task number -> (block, first group, last group, strip).
struct ConvPlace {
  int block, g0, g1, strip, r0, r1;
};
INLINE ConvPlace convPlace(const Step& s, const Tensor& out, int task, bool backward) {
  int strips = backward ? s.stripsBackward : s.stripsForward;
  int rows = backward ? s.rowsBackward : s.rowsForward;
  int chunk = backward ? s.chunkBackward : s.chunkForward;
  int chunks = ceilDiv(s.groups, chunk);
  ConvPlace p;
  p.strip = task % strips;
  int k = task / strips % chunks;
  p.block = task / strips / chunks;
  p.g0 = k * chunk;
  p.g1 = minimum(s.groups, p.g0 + chunk);
  p.r0 = p.strip * rows;
  p.r1 = minimum(out.height, p.r0 + rows);
  return p;
}
INLINE int convTasks(const Executor& e, const Step& s, bool backward) {
  int chunk = backward ? s.chunkBackward : s.chunkForward;
  return blocks(e) * ceilDiv(s.groups, chunk) * (backward ? s.stripsBackward : s.stripsForward);
}

// A 1x1 convolution of stride 1 sees a strip as one row.
INLINE bool pointwise(const Step& s) {
  return s.kernelH == 1 && s.kernelW == 1 && s.stride == 1 && s.padH == 0 && s.padW == 0;
}

inline void convForwardTask(void* context, int task, int worker) {
  StepTask& job = *static_cast<StepTask*>(context);
  Executor& e = *job.e;
  Step& s = *job.s;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  ConvPlace p = convPlace(s, out, task, false);
  StripShape shape = stripShape(s, in, out, s.rowsForward);
  int perIn = s.inChannels / s.groups, perOut = s.outChannels / s.groups, rows = p.r1 - p.r0;
  V* sums = (V*)e.scratch[worker];
  int* channel = (int*)(sums + 2 * perOut);
  V* x = sums + 2 * perOut + ceilDiv(perIn, LANES);
  BatchNorm* bn = e.training && out.bn >= 0 ? &e.batchNorms[out.bn] : nullptr;
  bool flat = pointwise(s);
  for (int g = p.g0; g < p.g1; g++) {
    for (int u = 0; u < s.sourceCount[g]; u++) {
      fillInput(e, s, in, p.block, s.sources[g * perIn + u], p.r0 * s.stride - s.padH, shape, x + u * shape.inPlane);
    }
    for (int i = 0; i < perIn; i++) channel[i] = int(s.sourceOf[g * perIn + i] * shape.inPlane);
    for (int i = 0; i < 2 * perOut; i++) sums[i] = V{};
    int64_t taps = int64_t(s.kernelH) * s.kernelW;
    StripConv k{x, channel, perIn, s.kernelH, s.kernelW, shape.inCols, int64_t(shape.inCols) * s.stride, s.stride,
                s.packed + int64_t(g) * perOut * perIn * taps};
    ForwardOut to{plane(e.activations, out.offset, out, p.block, 0) + int64_t(p.r0) * out.width,
                  int64_t(out.height) * out.width, out.width, s.outMap + g * perOut,
                  s.bias >= 0 ? e.parameters + s.bias + g * perOut : nullptr, bn ? bn->center : nullptr, sums,
                  laneMask(e, p.block), imagesInBlock(e, p.block) < LANES};
    if (flat) convolve(k, perOut, 1, rows * out.width, to);
    else convolve(k, perOut, rows, out.width, to);
    if (bn) {
      for (int o = 0; o < perOut; o++) {
        double* at = sumsAt(*bn, p.block, p.strip, s.outMap[g * perOut + o]);
        at[0] = laneSum(sums[2 * o]);
        at[1] = laneSum(sums[2 * o + 1]);
      }
    }
  }
}

inline void convBackwardTask(void* context, int task, int worker) {
  StepTask& job = *static_cast<StepTask*>(context);
  Executor& e = *job.e;
  Step& s = *job.s;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  ConvPlace p = convPlace(s, out, task, true);
  StripShape shape = stripShape(s, in, out, s.rowsBackward);
  int perIn = s.inChannels / s.groups, perOut = s.outChannels / s.groups, rows = p.r1 - p.r0;
  int taps = s.kernelH * s.kernelW, columns = perIn * taps;
  int i0, i1, lo, hi;
  ownedInputRows(s, in, out, p.r0, p.r1, i0, i1);
  gradientRows(s, in, out, p.r0, p.r1, lo, hi);
  V* at = (V*)e.scratch[worker];
  int* column = (int*)at;
  at += ceilDiv(columns, LANES);
  int* gradChannel = (int*)at;
  at += ceilDiv(perOut, LANES);
  Contribution* to = (Contribution*)at;
  at += int64_t(perIn) * ceilDiv(int(sizeof(Contribution)), int(sizeof(V)));
  V* x = at;
  V* grad = x + perIn * shape.inPlane;
  int64_t gradPlane = odd(int64_t(hi - lo + 1) * shape.gradCols);
  bool flat = pointwise(s), nine = s.kernelH == 3 && s.kernelW == 3;
  bool inputGradient = s.mode[0] != kNone;
  for (int g = p.g0; g < p.g1; g++) {
    int sources = s.sourceCount[g];
    for (int u = 0; u < sources; u++) {
      fillInput(e, s, in, p.block, s.sources[g * perIn + u], p.r0 * s.stride - s.padH, shape, x + u * shape.inPlane);
    }
    for (int o = 0; o < perOut; o++) {
      fillGradient(e, s, out, p.block, s.outMap[g * perOut + o], lo, hi, shape, grad + o * gradPlane);
      gradChannel[o] = int(o * gradPlane);
    }
    for (int i = 0, j = 0; i < perIn; i++)
      for (int ky = 0; ky < s.kernelH; ky++)
        for (int kx = 0; kx < s.kernelW; kx++) column[j++] = int(s.sourceOf[g * perIn + i] * shape.inPlane + ky * shape.inCols + kx);
    const V* own = grad + int64_t(p.r0 * s.stride - lo) * shape.gradCols + shape.gradMargin;
    StripGradient k{x, int64_t(shape.inCols) * s.stride, s.stride, own, gradPlane, int64_t(shape.gradCols) * s.stride, s.stride, rows, out.width};
    if (flat) {
      k.rows = 1;
      k.cols = rows * out.width;
    }
    int64_t weights = int64_t(s.outChannels) * columns;
    float* dw = s.partials + (int64_t(p.block) * s.stripsBackward + p.strip) * weights + int64_t(g) * perOut * columns;
    weightGradient(k, perOut, column, columns, nine, shape.inCols, dw);
    if (!inputGradient) continue;
    const int* channels = s.sources + g * perIn;
    for (int u = 0; u < sources; u++) to[u] = contributionTo(e, in, s.mode[0], s.complete[0], p.block, channels[u]);
    int rowShift = i0 + s.padH - (s.kernelH - 1) - lo, colShift = shape.gradMargin - (s.kernelW - 1 - s.padW);
    StripConv back{grad + int64_t(rowShift) * shape.gradCols + colShift, gradChannel, perOut, s.kernelH, s.kernelW, shape.gradCols, shape.gradCols, 1,
                   s.packedBackward + int64_t(g) * perOut * columns};
    int64_t first = int64_t(i0) * in.width;
    BackwardOut dx{plane(e.gradients, in.gradientOffset, in, p.block, 0) + first, plane(e.activations, in.offset, in, p.block, 0) + first,
                   int64_t(in.height) * in.width, in.width, channels, to};
    if (flat) convolve(back, sources, 1, (i1 - i0) * in.width, dx);
    else convolve(back, sources, i1 - i0, in.width, dx);
    if (!to[0].sum) continue;
    BatchNorm& bn = e.batchNorms[in.bn];
    for (int u = 0; u < sources; u++) {
      double* sums = sumsAt(bn, p.block, p.strip, channels[u]);
      sums[0] = laneSum(to[u].s0);
      sums[1] = laneSum(to[u].s1);
    }
  }
}

constexpr int kSumChunk = 4096;

// dW = sum of the tasks' partial results, in task order.
inline void sumPartialsTask(void* context, int task, int) {
  StepTask& job = *static_cast<StepTask*>(context);
  Step& s = *job.s;
  int64_t weights = int64_t(s.outChannels) * (s.inChannels / s.groups) * s.kernelH * s.kernelW;
  int64_t from = int64_t(task) * kSumChunk, n = weights - from < kSumChunk ? weights - from : kSumChunk;
  float* dw = job.e->parameterGradients + s.weight + from;
  const float* part = s.partials + from;
  std::memcpy(dw, part, n * sizeof(float));
  for (int k = 1, slots = blocks(*job.e) * s.stripsBackward; k < slots; k++) {
    part += weights;
    for (int64_t i = 0; i < n; i++) dw[i] += part[i];
  }
}

inline void biasGradient(Executor& e, const Step& s) {
  const Tensor& out = e.tensors[s.output];
  for (int o = 0; o < s.outChannels; o++) {
    double sum = 0;
    for (int b = 0; b < blocks(e); b++) {
      const V* g = plane(e.gradients, out.gradientOffset, out, b, s.outMap[o]);
      V total{};
      for (int i = 0; i < out.height * out.width; i++) total += g[i];
      sum += laneSum(total);
    }
    e.parameterGradients[s.bias + o] = float(sum);
  }
}

inline void convForward(Executor& e, Step& s) {
  const Tensor& out = e.tensors[s.output];
  BatchNorm* bn = e.training && out.bn >= 0 ? &e.batchNorms[out.bn] : nullptr;
  if (bn) {
    startStatistics(e, *bn);
    bn->usedSlots = s.stripsForward;
  }
  StepTask job{&e, &s};
  parallelFor(e.pool, convTasks(e, s, false), convForwardTask, &job);
  if (bn) finishStatistics(e, *bn);
}

inline void convBackward(Executor& e, Step& s) {
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  if (out.bn >= 0) finishBackward(e, e.batchNorms[out.bn]);
  if (in.bn >= 0 && s.mode[0] != kNone && s.complete[0]) e.batchNorms[in.bn].usedSlots = s.stripsBackward;
  StepTask job{&e, &s};
  parallelFor(e.pool, convTasks(e, s, true), convBackwardTask, &job);
  int64_t weights = int64_t(s.outChannels) * (s.inChannels / s.groups) * s.kernelH * s.kernelW;
  parallelFor(e.pool, int((weights + kSumChunk - 1) / kSumChunk), sumPartialsTask, &job);
  if (s.bias >= 0) biasGradient(e, s);
}

// Weights in the order the tiles read them, one group per call; the backward ones transposed, flipped, and summed
// over the inputs that read one source channel.
inline void packConv(const Executor& e, Step& s, float* summed) {
  int perIn = s.inChannels / s.groups, perOut = s.outChannels / s.groups, taps = s.kernelH * s.kernelW;
  int64_t size = int64_t(perOut) * perIn * taps;
  for (int g = 0; g < s.groups; g++) {
    const float* w = e.parameters + s.weight + g * size;
    packWeights(s.packed + g * size, w, perOut, int64_t(perIn) * taps, perIn, taps, taps, false);
    if (!e.training || s.mode[0] == kNone) continue;
    int sources = s.sourceCount[g];
    if (sources == perIn) {
      packWeights(s.packedBackward + g * size, w, perIn, taps, perOut, int64_t(perIn) * taps, taps, true);
      continue;
    }
    std::memset(summed, 0, size * sizeof(float));
    for (int o = 0; o < perOut; o++)
      for (int i = 0; i < perIn; i++)
        for (int t = 0; t < taps; t++)
          summed[(int64_t(o) * sources + s.sourceOf[g * perIn + i]) * taps + t] += w[(int64_t(o) * perIn + i) * taps + t];
    packWeights(s.packedBackward + g * size, summed, sources, taps, perOut, int64_t(sources) * taps, taps, true);
  }
}

// Fewest strips whose scratch fits; chunks of groups that are worth a task. Returns scratch floats.
inline int64_t planConv(const Executor& e, Step& s) {
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  int perIn = s.inChannels / s.groups, perOut = s.outChannels / s.groups, taps = s.kernelH * s.kernelW;
  int64_t most = 0, vector = LANES * sizeof(float);
  for (int backward = 0; backward <= e.training; backward++) {
    int strips = 1, rows;
    int64_t need;
    for (;; strips++) {
      rows = ceilDiv(out.height, strips);
      StripShape k = stripShape(s, in, out, rows);
      int64_t head = backward ? ceilDiv(perIn * taps, LANES) + ceilDiv(perOut, LANES) + int64_t(perIn) * ceilDiv(int(sizeof(Contribution)), int(sizeof(V)))
                              : 2 * perOut + ceilDiv(perIn, LANES);
      need = head + perIn * k.inPlane;
      if (backward) {
        int largest = 0;
        for (int r0 = 0; r0 < out.height; r0 += rows) {
          int lo, hi;
          gradientRows(s, in, out, r0, minimum(out.height, r0 + rows), lo, hi);
          largest = maximum(largest, hi - lo + 1);
        }
        need += perOut * odd(int64_t(largest) * k.gradCols);
      }
      if (rows == 1 || need * vector <= kScratchBytes) break;
    }
    if (need > most) most = need;
    int64_t work = int64_t(perIn) * perOut * taps * rows * out.width * (backward ? 2 : 1);
    int64_t chunk = (kTaskMultiplyAdds + work - 1) / work;
    if (chunk > s.groups) chunk = s.groups;
    (backward ? s.rowsBackward : s.rowsForward) = rows;
    (backward ? s.stripsBackward : s.stripsForward) = ceilDiv(out.height, rows);
    (backward ? s.chunkBackward : s.chunkForward) = int(chunk);
  }
  if (!e.training) s.stripsBackward = 0;
  int64_t group = int64_t(perIn) * perOut * taps;  // packConv sums the weights of repeated inputs here
  return most * LANES > group ? most * LANES : group;
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

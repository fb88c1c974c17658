// Convolution steps, forward and backward. A task is (block, chunk of groups, strip of output rows): it reads the
// strip's inputs through their views into zero-padded scratch, which stays in L2, and runs register tiles over it.
// A step of several convolutions keeps the inner results of a strip in scratch and computes them again in backward,
// which takes the last convolution first, block by block: what lies between two of them never leaves the cache.
// Letters: k the convolution's place in the step.
#pragma once
#include <cstring>

#include "micro.h"
#include "pool.h"
#include "stores.h"
#include "strip.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Scratch for the strips of one group, and the work worth handing to a thread, by measurement.
constexpr int64_t kScratchBytes = 512 * 1024;
constexpr int64_t kTaskMultiplyAdds = 24 * 1024;  // of vectors
constexpr int kMaxConvs = 40;

INLINE int perIn(const Conv& c) { return c.inChannels / c.groups; }
INLINE int perOut(const Conv& c) { return c.outChannels / c.groups; }
INLINE int64_t weightCount(const Conv& c) { return int64_t(c.outChannels) * perIn(c) * c.kernelH * c.kernelW; }

// Planes of a convolution's input in scratch.
struct Planes {
  V* at;
  int64_t stride;
  Rows rows;
  int cols;
};
INLINE int64_t planeOf(const Conv& c, Rows rows) { return odd(int64_t(rows.count()) * inputCols(c)); }

struct StepTask {
  Executor* e;
  Step* s;
  int k;           // backward: which convolution
  int firstBlock;  // of this loop's tasks
};

INLINE StripConv stripConv(const Conv& c, const V* x, const int* channel, int cols, const float* weights) {
  return {x, channel, perIn(c), c.kernelH, c.kernelW, cols, int64_t(cols) * c.stride, c.stride, weights};
}
INLINE const float* packedOf(const Conv& c, int g) {
  return c.packed + int64_t(g) * perOut(c) * perIn(c) * c.kernelH * c.kernelW;
}

// Group g of the first convolution reads its sources from the tensor into x.
INLINE void fillGroup(const Executor& e, const Conv& c, const Tensor& in, int block, int g, Rows rows, V* x, int* channel) {
  int n = perIn(c), cols = inputCols(c);
  int64_t plane = planeOf(c, rows);
  for (int u = 0; u < c.sourceCount[g]; u++) fillInput(e, c, in, block, c.sources[g * n + u], rows, cols, x + u * plane);
  for (int i = 0; i < n; i++) channel[i] = int(c.sourceOf[g * n + i] * plane);
}

inline void clearPadding(const Conv& c, const Planes& to) {
  Rows real = inside(to.rows, c.inHeight);
  for (int channel = 0; channel < c.inChannels; channel++) {
    V* row = to.at + channel * to.stride;
    for (int y = to.rows.lo; y < to.rows.hi; y++, row += to.cols) {
      bool outside = y < real.lo || y >= real.hi;
      for (int x = 0; x < (outside ? to.cols : c.padW); x++) row[x] = V{};
      for (int x = c.padW + c.inWidth; x < to.cols; x++) row[x] = V{};
    }
  }
}

// The input of convolution k >= 1 for a strip, all channels, at `at`; behind it lies scratch of the earlier ones.
inline Planes innerInput(const Executor& e, const Step& s, int block, int k, Rows rows, int* channel, V* at) {
  const Conv &c = s.convs[k - 1], &next = s.convs[k];
  const Tensor& tensor = e.tensors[s.inputs[0]];
  Planes to{at, planeOf(next, rows), rows, inputCols(next)};
  at += next.inChannels * to.stride;
  if (to.cols > next.inWidth || next.padH > 0) clearPadding(next, to);
  Rows real = inside(rows, c.outHeight), need = inputRows(c, real);
  Planes from{at, planeOf(c, need), need, inputCols(c)};
  if (k > 1) from = innerInput(e, s, block, k - 1, need, channel, at);
  bool flat = pointwise(c) && to.cols == c.outWidth;
  for (int g = 0; g < c.groups; g++) {
    int outputs = perOut(c), inputs = perIn(c);
    if (k == 1) fillGroup(e, c, tensor, block, g, need, from.at, channel);
    else for (int i = 0; i < inputs; i++) channel[i] = int(c.inMap[g * inputs + i] * from.stride);
    StripConv strip = stripConv(c, from.at, channel, from.cols, packedOf(c, g));
    ScratchStore store{to.at + int64_t(real.lo - rows.lo) * to.cols + next.padW, to.stride, to.cols,
                       c.outMap + g * outputs, biasOf(e, c, g * outputs), c.relu != 0};
    if (flat) convolve(strip, outputs, 1, real.count() * c.outWidth, store);
    else convolve(strip, outputs, real.count(), c.outWidth, store);
  }
  return to;
}

// Task number -> (block, groups, strip) of a convolution.
struct ConvPlace {
  int block, g0, g1, strip;
  Rows rows;
};
INLINE ConvPlace convPlace(const Conv& c, int task, int strips, int rows, int chunk) {
  int chunks = ceilDiv(c.groups, chunk), k = task / strips % chunks, strip = task % strips;
  return {task / strips / chunks, k * chunk, minimum(c.groups, (k + 1) * chunk), strip,
          {strip * rows, minimum(c.outHeight, (strip + 1) * rows)}};
}

inline void convForwardTask(void* context, int task, int worker) {
  StepTask& job = *static_cast<StepTask*>(context);
  const Executor& e = *job.e;
  const Step& s = *job.s;
  const int last = s.convCount - 1;
  const Conv& c = s.convs[last];
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  ConvPlace p = convPlace(c, task, s.stripsForward, s.rowsForward, s.chunkForward);
  int inputs = perIn(c), outputs = perOut(c), count = p.rows.count();
  const BatchNorm* bn = e.training && out.bn >= 0 ? &e.batchNorms[out.bn] : nullptr;
  V* sums = (V*)e.scratch[worker];
  int* channel = (int*)(sums + 2 * outputs);
  V* at = sums + 2 * outputs + ceilDiv(s.widest, LANES);
  Rows need = inputRows(c, p.rows);
  Planes from{at, planeOf(c, need), need, inputCols(c)};
  if (last > 0) from = innerInput(e, s, p.block, last, need, channel, at);
  for (int g = p.g0; g < p.g1; g++) {
    if (last == 0) fillGroup(e, c, in, p.block, g, need, at, channel);
    else for (int i = 0; i < inputs; i++) channel[i] = int(c.inMap[g * inputs + i] * from.stride);
    for (int i = 0; i < 2 * outputs; i++) sums[i] = V{};
    StripConv strip = stripConv(c, from.at, channel, from.cols, packedOf(c, g));
    TensorStore store{plane(e.activations, out.offset, out, p.block, 0) + int64_t(p.rows.lo) * out.width,
                      int64_t(out.height) * out.width, out.width, c.outMap + g * outputs, biasOf(e, c, g * outputs),
                      c.relu != 0, bn ? bn->center : nullptr, sums, laneMask(e, p.block),
                      imagesInBlock(e, p.block) < LANES};
    if (pointwise(c)) convolve(strip, outputs, 1, count * out.width, store);
    else convolve(strip, outputs, count, out.width, store);
    if (!bn) continue;
    for (int o = 0; o < outputs; o++) {
      double* at = sumsAt(*bn, p.block, p.strip, c.outMap[g * outputs + o]);
      at[0] = laneSum(sums[2 * o]);
      at[1] = laneSum(sums[2 * o + 1]);
    }
  }
}

// Scratch of a backward task, cut from a worker's.
struct BackwardScratch {
  int *column, *gradChannel, *channel;
  Contribution* to;
  V* at;
};
INLINE int64_t backwardHead(const Step& s, const Conv& c) {
  return ceilDiv(perIn(c) * c.kernelH * c.kernelW, LANES) + ceilDiv(perOut(c), LANES) + ceilDiv(s.widest, LANES) +
         int64_t(perIn(c)) * ceilDiv(int(sizeof(Contribution)), int(sizeof(V)));
}
INLINE BackwardScratch cutScratch(const Step& s, const Conv& c, float* scratch) {
  BackwardScratch b;
  V* at = (V*)scratch;
  b.column = (int*)at;
  at += ceilDiv(perIn(c) * c.kernelH * c.kernelW, LANES);
  b.gradChannel = (int*)at;
  at += ceilDiv(perOut(c), LANES);
  b.channel = (int*)at;
  at += ceilDiv(s.widest, LANES);
  b.to = (Contribution*)at;
  b.at = at + int64_t(perIn(c)) * ceilDiv(int(sizeof(Contribution)), int(sizeof(V)));
  return b;
}

// dIn of group g over the input rows that belong to a strip.
inline void inputGradient(Executor& e, const Step& s, int k, const ConvPlace& p, int g, const BackwardScratch& b,
                          const V* grad, const Planes& from) {
  const Conv& c = s.convs[k];
  int sources = c.sourceCount[g], cols = gradCols(c);
  const int* channels = c.sources + g * perIn(c);
  Rows own = ownedInputRows(c, p.rows), read = gradientRows(c, p.rows);
  int rowShift = own.lo + c.padH - (c.kernelH - 1) - read.lo, colShift = gradMargin(c) - (c.kernelW - 1 - c.padW);
  StripConv back{grad + int64_t(rowShift) * cols + colShift, b.gradChannel, perOut(c), c.kernelH, c.kernelW, cols, cols, 1,
                 c.packedBackward + int64_t(g) * perOut(c) * perIn(c) * c.kernelH * c.kernelW};
  int64_t first = int64_t(own.lo) * c.inWidth, size = int64_t(c.inHeight) * c.inWidth;
  bool flat = pointwise(c);
  int rows = flat ? 1 : own.count(), width = flat ? own.count() * c.inWidth : c.inWidth;
  if (k > 0) {
    const V* value = s.convs[k - 1].relu ? from.at + int64_t(own.lo - from.rows.lo) * from.cols + c.padW : nullptr;
    BetweenStore store{(V*)e.between[(k - 1) % 2] + first, size, c.inWidth, value, from.stride, from.cols, channels};
    convolve(back, sources, rows, width, store);
    return;
  }
  const Tensor& in = e.tensors[s.inputs[0]];
  for (int u = 0; u < sources; u++) b.to[u] = contributionTo(e, in, s.mode[0], s.complete[0], p.block, channels[u]);
  GradientStore store{plane(e.gradients, in.gradientOffset, in, p.block, 0) + first,
                      plane(e.activations, in.offset, in, p.block, 0) + first, size, c.inWidth, channels, b.to};
  convolve(back, sources, rows, width, store);
  if (!b.to[0].sum) return;
  for (int u = 0; u < sources; u++) {
    double* sums = sumsAt(e.batchNorms[in.bn], p.block, p.strip, channels[u]);
    sums[0] = laneSum(b.to[u].s0);
    sums[1] = laneSum(b.to[u].s1);
  }
}

inline void convBackwardTask(void* context, int task, int worker) {
  StepTask& job = *static_cast<StepTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  const int k = job.k;
  const Conv& c = s.convs[k];
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  ConvPlace p = convPlace(c, task, c.strips, c.rows, c.chunk);
  p.block += job.firstBlock;
  int inputs = perIn(c), outputs = perOut(c), columns = inputs * c.kernelH * c.kernelW, count = p.rows.count();
  BackwardScratch b = cutScratch(s, c, e.scratch[worker]);
  Rows need = inputRows(c, p.rows), read = gradientRows(c, p.rows);
  int64_t gradPlane = odd(int64_t(read.count()) * gradCols(c));
  V* grad = b.at;
  V* at = grad + outputs * gradPlane;
  Planes from{at, planeOf(c, need), need, inputCols(c)};
  if (k > 0) from = innerInput(e, s, p.block, k, need, b.channel, at);
  int64_t slot = int64_t(p.block - job.firstBlock) * c.strips + p.strip;
  for (int g = p.g0; g < p.g1; g++) {
    if (k == 0) fillGroup(e, c, in, p.block, g, need, at, b.channel);
    else for (int i = 0; i < inputs; i++) b.channel[i] = int(c.inMap[g * inputs + i] * from.stride);
    for (int o = 0; o < outputs; o++) {
      V* to = grad + o * gradPlane;
      b.gradChannel[o] = int(o * gradPlane);
      if (k == s.convCount - 1) fillGradient(e, c, out, p.block, c.outMap[g * outputs + o], read, to);
      else fillBetween(c, (V*)e.between[k % 2], c.outMap[g * outputs + o], read, to);
    }
    for (int i = 0, j = 0; i < inputs; i++)
      for (int ky = 0; ky < c.kernelH; ky++)
        for (int kx = 0; kx < c.kernelW; kx++) b.column[j++] = b.channel[i] + ky * from.cols + kx;
    const V* own = grad + int64_t(p.rows.lo * c.stride - read.lo) * gradCols(c) + gradMargin(c);
    StripGradient strip{from.at, int64_t(from.cols) * c.stride, c.stride, own, gradPlane,
                        int64_t(gradCols(c)) * c.stride, c.stride, count, c.outWidth};
    if (pointwise(c)) {
      strip.rows = 1;
      strip.cols = count * c.outWidth;
    }
    float* dw = c.partials + slot * weightCount(c) + int64_t(g) * outputs * columns;
    bool add = job.firstBlock > 0;
    weightGradient(strip, outputs, b.column, columns, c.kernelH == 3 && c.kernelW == 3, from.cols, add, dw);
    if (k > 0 || s.mode[0] != kNone) inputGradient(e, s, k, p, g, b, grad, from);
  }
}

constexpr int kSumChunk = 4096;

// dW = sum of the tasks' partial results, in task order.
inline void sumPartialsTask(void* context, int task, int) {
  StepTask& job = *static_cast<StepTask*>(context);
  const Conv& c = job.s->convs[job.k];
  int64_t weights = weightCount(c);
  int64_t from = int64_t(task) * kSumChunk, n = weights - from < kSumChunk ? weights - from : kSumChunk;
  float* dw = job.e->parameterGradients + c.weight + from;
  const float* part = c.partials + from;
  std::memcpy(dw, part, n * sizeof(float));
  for (int slot = 1; slot < c.partialSlots; slot++) {
    part += weights;
    for (int64_t i = 0; i < n; i++) dw[i] += part[i];
  }
}

inline void biasGradient(Executor& e, const Step& s, const Conv& c) {
  const Tensor& out = e.tensors[s.output];
  for (int o = 0; o < c.outChannels; o++) {
    double sum = 0;
    for (int b = 0; b < blocks(e); b++) {
      const V* g = plane(e.gradients, out.gradientOffset, out, b, c.outMap[o]);
      V total{};
      for (int i = 0; i < out.height * out.width; i++) total += g[i];
      sum += laneSum(total);
    }
    e.parameterGradients[c.bias + o] = float(sum);
  }
}

// Tasks of one block.
INLINE int forwardTasks(const Step& s) {
  return ceilDiv(s.convs[s.convCount - 1].groups, s.chunkForward) * s.stripsForward;
}
INLINE int backwardTasks(const Conv& c) { return ceilDiv(c.groups, c.chunk) * c.strips; }

inline void convForward(Executor& e, Step& s) {
  const Tensor& out = e.tensors[s.output];
  BatchNorm* bn = e.training && out.bn >= 0 ? &e.batchNorms[out.bn] : nullptr;
  if (bn) {
    startStatistics(e, *bn);
    bn->usedSlots = s.stripsForward;
  }
  StepTask job{&e, &s, 0, 0};
  parallelFor(e.pool, blocks(e) * forwardTasks(s), convForwardTask, &job);
  if (bn) finishStatistics(e, *bn);
}

inline void convBackward(Executor& e, Step& s) {
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  if (out.bn >= 0) finishBackward(e, e.batchNorms[out.bn]);
  if (in.bn >= 0 && s.mode[0] != kNone && s.complete[0]) e.batchNorms[in.bn].usedSlots = s.convs[0].strips;
  int together = s.convCount == 1 ? blocks(e) : 1;
  for (int block = 0; block < blocks(e); block += together) {
    for (int k = s.convCount - 1; k >= 0; k--) {
      StepTask job{&e, &s, k, block};
      parallelFor(e.pool, together * backwardTasks(s.convs[k]), convBackwardTask, &job);
    }
  }
  for (int k = 0; k < s.convCount; k++) {
    StepTask job{&e, &s, k, 0};
    Conv& c = s.convs[k];
    parallelFor(e.pool, int((weightCount(c) + kSumChunk - 1) / kSumChunk), sumPartialsTask, &job);
    if (c.bias >= 0) biasGradient(e, s, c);
  }
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

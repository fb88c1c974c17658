// Convolution steps, backward: from the last convolution of a step to its first, some blocks of images at a time; what lies
// between two of them never leaves the cache. Inner results are computed again (innerInput in conv.h).
// Letters: k the convolution's place in the step.
#pragma once
#include "conv.h"

namespace igc {
namespace IGC_ISA {
namespace {

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

// The gradient of a group's outputs for a strip: planes at `at`, from row `rows.lo` of the dilated map on.
struct GradientPlanes {
  const V* at;
  const int* channel;
  int cols;
};

// Where the gradient of convolution k's fleeting result lies, `local` its block's number among those at work.
INLINE V* betweenBlock(const Executor& e, const Conv& c, int k, int local) {
  return (V*)e.between[k % 2] + local * c.outChannels * betweenShape(c).plane;
}

// dIn of group g over the input rows that belong to a strip.
inline void inputGradient(Executor& e, const Step& s, int k, const ConvPlace& p, int local, int g, Contribution* to,
                          const GradientPlanes& grad, const Planes& from, Requests& requests) {
  const Conv& c = s.convs[k];
  int sources = c.sourceCount[g];
  const int* channels = c.sources + g * perIn(c);
  Rows own = ownedInputRows(c, p.rows), read = gradientRows(c, p.rows);
  int rowShift = own.lo + c.padH - (c.kernelH - 1) - read.lo, colShift = gradMargin(c) - (c.kernelW - 1 - c.padW);
  StripConv back = scratchConv(c, g, grad.at + int64_t(rowShift) * grad.cols + colShift, grad.channel, grad.cols);
  back.inputs = perOut(c);
  back.rowStep = grad.cols;
  back.colStep = 1;
  back.weights = c.packedBackward + g * groupWeights(c);
  back.requests = &requests;
  if (k > 0) {
    const BetweenShape shape = betweenShape(s.convs[k - 1]);
    const V* value = s.convs[k - 1].relu ? from.at + int64_t(own.lo - from.rows.lo) * from.cols + c.padW : nullptr;
    BetweenStore store{betweenBlock(e, s.convs[k - 1], k - 1, local) + int64_t(own.lo + shape.top) * shape.cols + shape.left,
                       shape.plane, shape.cols, value, from.stride, from.cols, channels};
    if (pointwise(c) && shape.cols == c.inWidth) convolve<kScratch>(back, sources, 1, own.count() * c.inWidth, store);
    else convolve<kScratch>(back, sources, own.count(), c.inWidth, store);
    return;
  }
  const Tensor& in = e.tensors[s.inputs[0]];
  const int64_t first = int64_t(own.lo) * c.inWidth;
  for (int u = 0; u < sources; u++) to[u] = contributionTo(e, in, s.mode[0], s.complete[0], p.block, channels[u]);
  GradientStore store{plane(e.gradients, in.gradientOffset, in, p.block, 0) + first,
                      activation(e, in, p.block, 0) + first, in.plane, c.inWidth, channels, to};
  if (pointwise(c) && grad.cols == c.inWidth) convolve<kScratch>(back, sources, 1, own.count() * c.inWidth, store);
  else convolve<kScratch>(back, sources, own.count(), c.inWidth, store);
  if (!to[0].sum) return;
  for (int u = 0; u < sources; u++) {
    double* sums = sumsAt(e.batchNorms[in.bn], p.block, p.strip, channels[u]);
    sums[0] = laneSum(to[u].s0);
    sums[1] = laneSum(to[u].s1);
  }
}

// Whether convolution k's backward reads its output's gradient where the next one left it.
INLINE bool readsBetween(const Step& s, int k) { return k < s.convCount - 1 && s.convs[k].stride == 1; }

INLINE bool usesNine(const Conv& c) { return c.kernelH == 3 && c.kernelW == 3 && perOut(c) < kGradOutputs; }

// What one task of a convolution's backward works on, whatever the group.
struct BackwardTask {
  Executor& e;
  const Step& s;
  const Conv& c;
  int k, local;
  ConvPlace p;
  Rows need, read;    // rows of the input, and of the dilated gradient
  int64_t gradPlane;  // of scratch
  V* grad;
  bool direct;        // the gradient is read where it lies between two convolutions
};

// Outputs whose gradient is made ready at once, while the next ones' memory is asked for.
constexpr int kGradFill = 4;

// Pixels after which other weights take their turn: what one tile reads stays in L1, and adding up the lanes at its
// end does not show.
constexpr int kGradPositions = 128;
constexpr int64_t kAheadBytes = 320 * 1024;

// Asks for what the gradients of outputs [from, from + n) of group g are made of.
INLINE void askGradient(Requests& requests, const BackwardTask& t, int g, int from, int n, int64_t calls) {
  const Conv& c = t.c;
  if (g >= c.groups || t.k != t.s.convCount - 1) return;
  const Tensor& out = t.e.tensors[t.s.output];
  const int* channels = c.outMap + g * perOut(c) + from;
  n = minimum(n, perOut(c) - from);
  Rows rows{ceilDiv(maximum(0, t.read.lo), c.stride), (t.read.hi - 1) / c.stride + 1};
  askRows(requests, plane(t.e.gradients, out.gradientOffset, out, t.p.block, 0), out, channels, n, rows, calls);
  if (out.bn >= 0) askRows(requests, activation(t.e, out, t.p.block, 0), out, channels, n, rows, calls);
}

// Outputs asked for at once: a group's, or where these are too many for the cache, those made ready next.
INLINE int outputsAhead(const BackwardTask& t) {
  int64_t bytes = 2 * int64_t(perOut(t.c)) * t.read.count() * t.c.outWidth * int64_t(sizeof(V));
  return t.c.groups > 1 && bytes <= kAheadBytes ? perOut(t.c) : kGradFill;
}

// Makes the gradients of outputs [from, from + n) of a group ready.
INLINE void fillGradients(const BackwardTask& t, int g, int from, int n, int* channel) {
  const Conv& c = t.c;
  for (int o = from; o < from + n; o++) {
    int stored = c.outMap[g * perOut(c) + o];
    if (t.direct) {
      channel[o] = int(stored * betweenShape(c).plane);
      continue;
    }
    channel[o] = int(o * t.gradPlane);
    V* to = t.grad + o * t.gradPlane;
    if (t.k == t.s.convCount - 1) fillGradient(t.e, c, t.e.tensors[t.s.output], t.p.block, stored, t.read, to);
    else fillBetween(c, betweenBlock(t.e, c, t.k, t.local), stored, t.read, to);
  }
}

// dW of a group over a strip, as the gradients of its outputs become ready.
INLINE void groupWeightGradient(const BackwardTask& t, int g, const Planes& from, const BackwardScratch& b,
                                const GradientPlanes& grad, bool add, float* dw, Requests& requests) {
  const Conv& c = t.c;
  int inputs = perIn(c), outputs = perOut(c), columns = inputs * c.kernelH * c.kernelW, count = t.p.rows.count();
  for (int i = 0, j = 0; i < inputs; i++)
    for (int ky = 0; ky < c.kernelH; ky++)
      for (int kx = 0; kx < c.kernelW; kx++) b.column[j++] = b.channel[i] + ky * from.cols + kx;
  StripGradient strip{};
  strip.rowStep = int64_t(from.cols) * c.stride;
  strip.colStep = c.stride;
  strip.gradRow = int64_t(grad.cols) * c.stride;
  strip.gradCol = c.stride;
  bool flat = pointwise(c) && grad.cols == c.outWidth;
  const bool nine = usesNine(c);
  const int lasting = requests.count, rows = maximum(1, kGradPositions / c.outWidth);
  const bool little = outputsAhead(t) == kGradFill;
  strip.requests = &requests;
  for (int o = 0; o < outputs; o += kGradFill) {
    int n = minimum(kGradFill, outputs - o);
    fillGradients(t, g, o, n, b.gradChannel);
    requests.count = lasting;
    if (little && o + n < outputs) {
      askGradient(requests, t, g, o + n, kGradFill, gradientCalls(n, columns, nine) * ceilDiv(count, rows));
    }
    strip.gradChannel = n > 1 ? b.gradChannel[o + 1] - b.gradChannel[o] : 0;
    const V* g = grad.at + b.gradChannel[o] + int64_t(t.p.rows.lo * c.stride - t.read.lo) * grad.cols + gradMargin(c);
    for (int r = 0; r < count; r += rows) {
      int now = minimum(rows, count - r);
      strip.x = from.at + r * strip.rowStep;
      strip.g = g + r * strip.gradRow;
      strip.rows = flat ? 1 : now;
      strip.cols = flat ? now * c.outWidth : c.outWidth;
      weightGradient(strip, n, b.column, columns, nine, from.cols, add || r > 0, dw + int64_t(o) * columns);
    }
    requests.count = lasting;
  }
}

// What group g reads, while the one before it is computed.
INLINE void askNextGroup(Requests& requests, const BackwardTask& t, int g, const GradientPlanes& grad) {
  const Conv& c = t.c;
  const int rows = t.p.rows.count(), outputs = perOut(c), columns = perIn(c) * c.kernelH * c.kernelW;
  int64_t calls = gradientCalls(outputs, columns, usesNine(c)) * ceilDiv(rows * c.outWidth, kGradPositions) +
                  convolveCalls(outputs, perIn(c), ownedInputRows(c, t.p.rows).count(), c.inWidth);
  askGradient(requests, t, g, 0, outputsAhead(t), calls);
  if (t.k == 0) askSources(requests, t.e, c, t.e.tensors[t.s.inputs[0]], t.p.block, g, t.need, calls);
  if (t.direct) {
    requests.add(grad.at, c.outMap + g * outputs, outputs, betweenShape(c).plane, int64_t(t.read.count()) * grad.cols, calls);
  }
}

inline void convBackwardTask(void* context, int task, int worker) {
  StepTask& job = *static_cast<StepTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  const int k = job.k;
  const Conv& c = s.convs[k];
  const Tensor& in = e.tensors[s.inputs[0]];
  ConvPlace p = convPlace(c, task, c.strips, c.rows, c.chunk);
  const int local = p.block;
  const int64_t slot = int64_t(local) * c.strips + p.strip;
  p.block = job.firstBlock + local * job.blockStep;
  const int inputs = perIn(c);
  BackwardScratch b = cutScratch(s, c, e.scratch[worker]);
  const Rows need = inputRows(c, p.rows), read = gradientRows(c, p.rows);
  const int64_t gradPlane = odd(int64_t(read.count()) * gradCols(c));
  const bool direct = readsBetween(s, k);
  BackwardTask t{e, s, c, k, local, p, need, read, gradPlane, b.at, direct};
  GradientPlanes grad{b.at, b.gradChannel, gradCols(c)};
  if (direct) grad.at = betweenBlock(e, c, k, local) + int64_t(read.lo + betweenShape(c).top) * gradCols(c);
  V* at = b.at + (direct ? 0 : perOut(c) * gradPlane);
  Planes from{at, planeOf(c, need), need, inputCols(c)};
  if (k > 0) {
    const Conv& before = s.convs[k - 1];
    Requests requests;
    askGradient(requests, t, p.g0, 0, outputsAhead(t),
                before.groups * convolveCalls(perIn(before), perOut(before), need.count(), before.outWidth));
    from = innerInput(e, s, p.block, k, need, b.channel, at, requests);
  }
  for (int g = p.g0; g < p.g1; g++) {
    if (k == 0) fillGroup(e, c, in, p.block, g, need, at, b.channel);
    else for (int i = 0; i < inputs; i++) b.channel[i] = int(c.inMap[g * inputs + i] * from.stride);
    float* dw = c.partials + slot * weightCount(c) + g * groupWeights(c);
    Requests requests;
    if (g + 1 < p.g1) askNextGroup(requests, t, g + 1, grad);
    groupWeightGradient(t, g, from, b, grad, job.add, dw, requests);
    if (k > 0 || s.mode[0] != kNone) inputGradient(e, s, k, p, local, g, b.to, grad, from, requests);
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
INLINE int backwardTasks(const Conv& c) { return ceilDiv(c.groups, c.chunk) * c.strips; }

// Zeros around what lies between two convolutions, where it lay otherwise before.
inline void clearBetween(Executor& e, const Conv& c, int turn, int together) {
  const BetweenShape shape = betweenShape(c);
  const int64_t now[5] = {c.outChannels, shape.plane, shape.cols, shape.top, together};
  if (std::memcmp(now, e.betweenShape[turn], sizeof now) == 0) return;
  std::memcpy(e.betweenShape[turn], now, sizeof now);
  std::memset(e.between[turn], 0, together * c.outChannels * shape.plane * sizeof(V));
}

inline void convBackward(Executor& e, Step& s) {
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  if (out.bn >= 0) finishBackward(e, e.batchNorms[out.bn]);
  if (in.bn >= 0 && s.mode[0] != kNone && s.complete[0]) e.batchNorms[in.bn].usedSlots = s.convs[0].strips;
  for (int k = 0; k + 1 < s.convCount; k++) clearBetween(e, s.convs[k], k % 2, s.together);
  // Blocks at work together lie apart, so that a worker has the same ones as in every other loop.
  const int turns = ceilDiv(blocks(e), s.together);
  const bool backwards = turned(e, s) && blocks(e) % turns == 0;  // the first turn fills all slots of partial sums
  for (int turn = 0; turn < turns; turn++) {
    int first = backwards ? turns - 1 - turn : turn, together = ceilDiv(blocks(e) - first, turns);
    for (int k = s.convCount - 1; k >= 0; k--) {
      StepTask job{&e, &s, k, first, turns, turn > 0};
      parallelFor(e.pool, together * backwardTasks(s.convs[k]), convBackwardTask, &job, turned(e, s));
    }
  }
  for (int k = 0; k < s.convCount; k++) {
    StepTask job{&e, &s, k, 0, 1, false};
    Conv& c = s.convs[k];
    parallelFor(e.pool, int((weightCount(c) + kSumChunk - 1) / kSumChunk), sumPartialsTask, &job);
    if (c.bias >= 0) biasGradient(e, s, c);
  }
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

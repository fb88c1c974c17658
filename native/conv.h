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
constexpr int64_t kScratchBytes = 320 * 1024;
constexpr int64_t kFirstScratchBytes = 768 * 1024;  // backward of a first convolution
constexpr int64_t kTaskMultiplyAdds = 24 * 1024;  // of vectors
constexpr int kMaxConvs = 40;
constexpr int64_t kAskBytes = 512 * 1024;  // a block's map that small is in the cache already

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
  int firstBlock, blockStep;  // of this loop's tasks
  bool add;        // backward: to the weight gradients of earlier loops
};

// Every other step goes through the blocks from the last to the first: what the step before left in the cache comes
// first.
INLINE bool turned(const Executor& e, const Step& s) { return (&s - e.steps) % 2; }

INLINE int64_t groupWeights(const Conv& c) { return int64_t(perOut(c)) * perIn(c) * c.kernelH * c.kernelW; }

INLINE void takePart(StripConv& k, int outputs, int part, int parts) {
  k.fromBlock = outputBlocks(outputs) * part / parts;
  k.toBlock = outputBlocks(outputs) * (part + 1) / parts;
}

// Group g over padded scratch.
INLINE StripConv scratchConv(const Conv& c, int g, const V* x, const int* channel, int cols) {
  StripConv k{};
  k.x = x;
  k.channel = channel;
  k.inputs = perIn(c);
  k.kernelH = c.kernelH;
  k.kernelW = c.kernelW;
  k.rowStride = cols;
  k.rowStep = int64_t(cols) * c.stride;
  k.colStep = c.stride;
  k.weights = c.packed + g * groupWeights(c);
  return k;
}

// Whether the register tiles read the input tensor itself: seen through its view anew for every row of the kernel
// and block of outputs, which pays for few of them only.
INLINE InputKind inputKind(const Conv& c, const Tensor& in) {
  bool same = !c.tiled && c.kernelW == 3 && c.padW == 1 && c.stride == 1 && c.outWidth == c.inWidth;
  if (same && in.bn < 0 && !in.relu) return kMap;
  if (same && in.bn >= 0 && in.relu && outputBlocks(perOut(c)) <= 2) return kSeenMap;
  return kScratch;
}

// Group g over the tensor's map; rows: of the output.
INLINE StripConv mapConv(const Executor& e, const Conv& c, int g, const Tensor& in, int block, Rows rows, int* channel) {
  int n = perIn(c);
  for (int i = 0; i < n; i++) channel[i] = int(c.inMap[g * n + i] * in.plane);
  StripConv k = scratchConv(c, g, nullptr, channel, in.width);
  k.map = activation(e, in, block, 0);
  k.rowStep = k.colStep = 0;
  k.height = in.height;
  k.width = in.width;
  k.firstRow = rows.lo - c.padH;
  k.source = c.inMap + g * n;
  if (in.bn >= 0) {
    const BatchNorm& bn = e.batchNorms[in.bn];
    int first = block / e.blocksPerReplica * bn.channels;
    k.scale = bn.scale + first;
    k.shift = bn.shift + first;
  }
  return k;
}

// Asks for the rows of a tensor's channels, whose first plane lies at `first`.
template <class T>
INLINE void askRows(Requests& requests, const T* first, const Tensor& t, const int* channels, int count, Rows rows,
                    int64_t calls) {
  Rows real = inside(rows, t.height);
  if (real.count() <= 0) return;
  requests.add(first + int64_t(real.lo) * t.width, channels, count, t.plane, int64_t(real.count()) * t.width, calls);
}
INLINE void askSources(Requests& requests, const Executor& e, const Conv& c, const Tensor& in, int block, int g, Rows rows,
                       int64_t calls) {
  if (g >= c.groups) return;
  askRows(requests, activation(e, in, block, 0), in, c.sources + g * perIn(c), c.sourceCount[g], rows, calls);
}

// Group g of the first convolution reads its sources from the tensor into x.
INLINE void fillGroup(const Executor& e, const Conv& c, const Tensor& in, int block, int g, Rows rows, V* x, int* channel) {
  int n = perIn(c), cols = inputCols(c);
  int64_t plane = planeOf(c, rows);
  for (int u = 0; u < c.sourceCount[g]; u++) fillInput(e, c, in, block, c.sources[g * n + u], rows, cols, x + u * plane);
  for (int i = 0; i < n; i++) channel[i] = int(c.sourceOf[g * n + i] * plane);
}

// The same where images are cut into tiles.
INLINE void fillGroupTiles(const Executor& e, const Conv& c, const Tensor& in, int block, int g, const TileRuns& runs,
                           int64_t stride, V* x, int* channel) {
  const int n = perIn(c);
  fillTiles(e, in, block, runs, c.sources + g * n, c.sourceCount[g], V{}, x, stride);
  for (int i = 0; i < n; i++) channel[i] = int(c.sourceOf[g * n + i] * stride);
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
// `requests` is what to ask for meanwhile that is needed next.
inline Planes innerInput(const Executor& e, const Step& s, int block, int k, Rows rows, int* channel, V* at,
                         Requests requests) {
  const Conv &c = s.convs[k - 1], &next = s.convs[k];
  const Tensor& tensor = e.tensors[s.inputs[0]];
  const InputKind kind = k == 1 ? inputKind(c, tensor) : kScratch;
  Planes to{at, planeOf(next, rows), rows, inputCols(next)};
  at += next.inChannels * to.stride;
  if (to.cols > next.inWidth || next.padH > 0) clearPadding(next, to);
  Rows real = inside(rows, c.outHeight), need = inputRows(c, real);
  Planes from{at, planeOf(c, need), need, inputCols(c)};
  if (k > 1) from = innerInput(e, s, block, k - 1, need, channel, at, Requests{});
  const bool flat = pointwise(c) && to.cols == c.outWidth;
  const int outputs = perOut(c), inputs = perIn(c), height = flat ? 1 : real.count();
  const int width = flat ? real.count() * c.outWidth : c.outWidth;
  const int64_t calls = convolveCalls(perIn(c), outputs, height, width);
  const int lasting = requests.count;
  for (int g = 0; g < c.groups; g++) {
    requests.count = lasting;
    if (k == 1) askSources(requests, e, c, tensor, block, g + 1, need, calls);
    ScratchStore store{to.at + int64_t(real.lo - rows.lo) * to.cols + next.padW, to.stride, to.cols,
                       c.outMap + g * outputs, biasOf(e, c, g * outputs), c.relu != 0};
    if (kind != kScratch) {
      StripConv strip = mapConv(e, c, g, tensor, block, real, channel);
      strip.requests = &requests;
      if (kind == kMap) convolve<kMap>(strip, outputs, height, width, store);
      else convolve<kSeenMap>(strip, outputs, height, width, store);
      continue;
    }
    if (k == 1) fillGroup(e, c, tensor, block, g, need, from.at, channel);
    else for (int i = 0; i < inputs; i++) channel[i] = int(c.inMap[g * inputs + i] * from.stride);
    StripConv strip = scratchConv(c, g, from.at, channel, from.cols);
    strip.requests = &requests;
    convolve<kScratch>(strip, outputs, height, width, store);
  }
  return to;
}

// Task number -> (block, groups, strip) of a convolution.
struct ConvPlace {
  int block, g0, g1, strip;
  Rows rows;
  int part;  // of a group's outputs
};
INLINE ConvPlace convPlace(const Conv& c, int task, int strips, int rows, int chunk) {
  int chunks = ceilDiv(c.groups, chunk), k = task / strips % chunks, strip = task % strips;
  return {task / strips / chunks, k * chunk, minimum(c.groups, (k + 1) * chunk), strip,
          {strip * rows, minimum(c.outHeight, (strip + 1) * rows)}, 0};
}

template <bool STATISTICS>
void convForward(const StepTask& job, int task, int worker) {
  const Executor& e = *job.e;
  const Step& s = *job.s;
  const int last = s.convCount - 1;
  const Conv& c = s.convs[last];
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  ConvPlace p = convPlace(c, task / s.partsForward, s.stripsForward, s.rowsForward, s.chunkForward);
  p.part = task % s.partsForward;
  int inputs = perIn(c), outputs = perOut(c), count = p.rows.count();
  const BatchNorm* bn = STATISTICS ? &e.batchNorms[out.bn] : nullptr;
  V* sums = (V*)e.scratch[worker];
  int* channel = (int*)(sums + 2 * outputs);
  V* at = sums + 2 * outputs + ceilDiv(s.widest, LANES);
  const InputKind kind = last == 0 ? inputKind(c, in) : kScratch;
  Rows need = inputRows(c, p.rows);
  Planes from{at, planeOf(c, need), need, inputCols(c)};
  if (last > 0) from = innerInput(e, s, p.block, last, need, channel, at, Requests{});
  const bool flat = pointwise(c), direct = kStoresVectors && last == 0 && flat && in.bn < 0 && !in.relu;
  if (direct) {
    V* map = (V*)(activation(e, in, p.block, 0) + int64_t(p.rows.lo) * in.width);
    from = {map, in.plane, p.rows, in.width};
  }
  const int height = flat ? 1 : count, width = flat ? count * out.width : out.width;
  const bool asks = last == 0 && in.plane * in.channels * int64_t(sizeof(V)) > kAskBytes;
  TileRuns runs{};
  if (c.tiled) runs = tileRuns(e, in, inputRegion(c, need), at + inputs * planeOf(c, need));
  for (int g = p.g0; g < p.g1; g++) {
    for (int i = 0; i < 2 * outputs; i++) sums[i] = V{};
    TensorStore<STATISTICS> store{activation(e, out, p.block, 0) + int64_t(p.rows.lo) * out.width,
                                  out.plane, out.width, c.outMap + g * outputs, biasOf(e, c, g * outputs),
                                  c.relu != 0, bn ? bn->center : nullptr, sums, laneMask(e, p.block),
                                  imagesInBlock(e, p.block) < LANES};
    Requests requests;
    if (asks) askSources(requests, e, c, in, p.block, g + 1, need, convolveCalls(perIn(c), outputs, height, width));
    if (kind != kScratch) {
      StripConv strip = mapConv(e, c, g, in, p.block, p.rows, channel);
      takePart(strip, outputs, p.part, s.partsForward);
      strip.requests = &requests;
      if (kind == kMap) convolve<kMap>(strip, outputs, height, width, store);
      else convolve<kSeenMap>(strip, outputs, height, width, store);
    } else {
      if (c.tiled) fillGroupTiles(e, c, in, p.block, g, runs, planeOf(c, need), at, channel);
      else if (last == 0 && !direct) fillGroup(e, c, in, p.block, g, need, at, channel);
      else for (int i = 0; i < inputs; i++) channel[i] = int(c.inMap[g * inputs + i] * from.stride);
      StripConv strip = scratchConv(c, g, from.at, channel, from.cols);
      strip.requests = &requests;
      takePart(strip, outputs, p.part, s.partsForward);
      strip.halves = !e.training;
      convolve<kScratch>(strip, outputs, height, width, store);
    }
    if (!bn) continue;
    for (int o = 0; o < outputs; o++) {
      double* at = sumsAt(*bn, p.block, p.strip, c.outMap[g * outputs + o]);
      at[0] = laneSum(sums[2 * o]);
      at[1] = laneSum(sums[2 * o + 1]);
    }
  }
}

inline void convForwardTask(void* context, int task, int worker) {
  StepTask& job = *static_cast<StepTask*>(context);
  if (job.e->training && job.e->tensors[job.s->output].bn >= 0) convForward<true>(job, task, worker);
  else convForward<false>(job, task, worker);
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
INLINE int forwardTasks(const Step& s) {
  return ceilDiv(s.convs[s.convCount - 1].groups, s.chunkForward) * s.stripsForward * s.partsForward;
}
INLINE int backwardTasks(const Conv& c) { return ceilDiv(c.groups, c.chunk) * c.strips; }

inline void convForward(Executor& e, Step& s) {
  const Tensor& out = e.tensors[s.output];
  BatchNorm* bn = e.training && out.bn >= 0 ? &e.batchNorms[out.bn] : nullptr;
  if (bn) {
    startStatistics(e, *bn);
    bn->usedSlots = s.stripsForward;
  }
  StepTask job{&e, &s, 0, 0, 1, false};
  parallelFor(e.pool, blocks(e) * forwardTasks(s), convForwardTask, &job, turned(e, s));
  if (bn) finishStatistics(e, *bn);
}

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

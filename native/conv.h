// Convolution steps, forward, and what backward shares. A task is (block, chunk of groups, strip of output rows): it reads the
// strip's inputs through their views into zero-padded scratch, which stays in L2, and runs register tiles over it.
// A step of several convolutions keeps the inner results of a strip in scratch.
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
      strip.halves = !trains(e);
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
  if (trains(*job.e) && job.e->tensors[job.s->output].bn >= 0) convForward<true>(job, task, worker);
  else convForward<false>(job, task, worker);
}

// Tasks of one block.
INLINE int forwardTasks(const Step& s) {
  return ceilDiv(s.convs[s.convCount - 1].groups, s.chunkForward) * s.stripsForward * s.partsForward;
}

inline void convForward(Executor& e, Step& s) {
  const Tensor& out = e.tensors[s.output];
  BatchNorm* bn = trains(e) && out.bn >= 0 ? &e.batchNorms[out.bn] : nullptr;
  if (bn) {
    startStatistics(e, *bn);
    bn->usedSlots = s.stripsForward;
  }
  StepTask job{&e, &s, 0, 0, 1, false};
  parallelFor(e.pool, blocks(e) * forwardTasks(s), convForwardTask, &job, turned(e, s));
  if (bn) finishStatistics(e, *bn);
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

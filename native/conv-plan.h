// What is decided once about a convolution step: strips, tasks, scratch, and the order of its weights.
#pragma once
#include "conv-backward.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Vectors that innerInput needs for convolution k, whatever it computes before included.
inline int64_t innerScratch(const Step& s, int k, Rows rows) {
  const Conv& c = s.convs[k];
  if (k == 0) return perIn(c) * planeOf(c, rows);
  const Conv& before = s.convs[k - 1];
  return c.inChannels * planeOf(c, rows) + innerScratch(s, k - 1, inputRows(before, inside(rows, before.outHeight)));
}

// The most that any strip of `rows` output rows needs.
template <class F>
INLINE int64_t mostOfStrips(int height, int rows, F need) {
  int64_t most = 0;
  for (int lo = 0; lo < height; lo += rows) {
    int64_t n = need(Rows{lo, minimum(height, lo + rows)});
    if (n > most) most = n;
  }
  return most;
}

// Tasks that a loop should have, for wide machines; what is computed must not depend on the threads there are.
constexpr int kTasks = 16;

// Fewest strips, in doubling numbers so that threads get equal shares, that are so many at least and whose scratch
// fits; returns the vectors that one needs.
template <class F>
inline int64_t chooseStrips(int height, int64_t most, int least, int& rows, int& strips, F need) {
  for (strips = 1; strips < least && strips < height;) strips *= 2;
  for (;; strips *= 2) {
    rows = ceilDiv(height, strips);
    int64_t vectors = mostOfStrips(height, rows, need);
    if (rows == 1 || vectors * int64_t(LANES * sizeof(float)) <= most) {
      strips = ceilDiv(height, rows);
      return vectors;
    }
  }
}

// Groups that are worth a task; a step of several convolutions computes all of the inner ones for a strip.
INLINE int chooseChunk(const Conv& c, bool all, int rows, int passes) {
  if (all) return c.groups;
  int64_t work = groupWeights(c) * rows * c.outWidth * passes;
  int64_t chunk = (kTaskMultiplyAdds + work - 1) / work;
  return int(chunk < c.groups ? chunk : c.groups);
}

// Inference sums nothing over tasks: their number may follow the threads, so that one image's work is shared evenly.
// kLeastMultiplyAdds: of vectors, below which handing a task out costs more than it brings, by measurement.
constexpr int64_t kLeastMultiplyAdds = 2 * 1024;
constexpr int kTasksPerThread = 2;
inline void shareOut(const Executor& e, Step& s, const Conv& c) {
  const int others = blocks(e) * s.stripsForward;
  const int64_t work = weightCount(c) * s.rowsForward * c.outWidth;
  const int64_t most = maximum(1, int(work / kLeastMultiplyAdds));
  const int wanted = ceilDiv(kTasksPerThread * poolThreads(e.pool), others);
  const int tasks = int(wanted < most ? wanted : most);
  if (ceilDiv(c.groups, s.chunkForward) >= tasks) return;
  if (c.groups >= tasks) s.chunkForward = ceilDiv(c.groups, tasks);
  else s.chunkForward = 1, s.partsForward = minimum(ceilDiv(tasks, c.groups), outputBlocks(perOut(c)));
}

// One convolution alone goes through all blocks at once. Several take the blocks in turns, as few at a time as give
// enough tasks, so that what lies between them stays in the cache.
inline void planTogether(Executor& e, Step& s) {
  s.together = s.convCount == 1 ? blocks(e) : 1;
  for (int k = 0; k < s.convCount; k++)
    s.together = maximum(s.together, minimum(blocks(e), ceilDiv(kTasks, backwardTasks(s.convs[k]))));
  for (int k = 0; k < s.convCount; k++) {
    Conv& c = s.convs[k];
    c.partialSlots = s.together * c.strips;
    int64_t between = s.together * c.outChannels * betweenShape(c).plane * LANES;
    if (k + 1 < s.convCount && between > e.betweenSize) e.betweenSize = between;
  }
}

// Strips without which a loop over the blocks has too few tasks. In training over those of one replica: its statistics,
// which are sums over strips, then are the same bits in whatever process and beside whatever other replicas.
INLINE int leastStrips(const Executor& e, const Conv& c, bool all, int passes) {
  const int images = e.batch / e.replicas, tasks = minimum(kTasks, maximum(kTasks / 2, images / 4));
  const int chunks = ceilDiv(c.groups, chooseChunk(c, all, c.outHeight, passes));
  return trains(e) ? ceilDiv(tasks, e.blocksPerReplica * chunks) : ceilDiv(kTasks, blocks(e) * chunks);
}

// Returns the scratch floats one worker needs.
inline int64_t planConv(Executor& e, Step& s) {
  int last = s.convCount - 1;
  int64_t most = 0;
  s.widest = 0;
  for (int k = 0; k <= last; k++) s.widest = maximum(s.widest, perIn(s.convs[k]));
  const Conv& c = s.convs[last];
  const int least = c.tiled ? 1 : leastStrips(e, c, last > 0, 1);
  most = chooseStrips(c.outHeight, kScratchBytes, least, s.rowsForward, s.stripsForward, [&](Rows rows) {
    const int64_t runs = c.tiled ? runVectors(e.tensors[s.inputs[0]], inputRegion(c, inputRows(c, rows))) : 0;
    return 2 * perOut(c) + ceilDiv(s.widest, LANES) + runs + innerScratch(s, last, inputRows(c, rows));
  });
  s.chunkForward = chooseChunk(c, last > 0, s.rowsForward, 1);
  s.partsForward = 1;
  if (!trains(e) && last == 0) shareOut(e, s, c);
  for (int k = 0; k <= last; k++) {
    Conv& c = s.convs[k];
    int64_t weights = groupWeights(c);  // packConv sums the weights of repeated inputs in scratch
    if (weights / LANES + 1 > most) most = weights / LANES + 1;
    if (!trains(e)) continue;
    int64_t fits = k == 0 ? kFirstScratchBytes : kScratchBytes;
    int64_t need = chooseStrips(c.outHeight, fits, leastStrips(e, c, k > 0, 2), c.rows, c.strips, [&](Rows rows) {
      return backwardHead(s, c) + perOut(c) * odd(int64_t(gradientRows(c, rows).count()) * gradCols(c)) +
             innerScratch(s, k, inputRows(c, rows));
    });
    if (need > most) most = need;
    c.chunk = chooseChunk(c, k > 0, c.rows, 2);
  }
  if (trains(e)) planTogether(e, s);
  return most * LANES;
}

// Weights in the order the tiles read them; the backward ones transposed, flipped, and summed over the inputs that
// read one source channel.
inline void packConv(const Executor& e, const Step& s, Conv& c, float* summed) {
  int inputs = perIn(c), outputs = perOut(c), taps = c.kernelH * c.kernelW;
  int64_t size = int64_t(outputs) * inputs * taps;
  bool backward = trains(e) && (&c != s.convs || s.mode[0] != kNone);
  for (int g = 0; g < c.groups; g++) {
    const float* w = e.parameters + c.weight + g * size;
    packWeights(c.packed + g * size, w, outputs, int64_t(inputs) * taps, inputs, taps, taps, false);
    if (!backward) continue;
    int sources = c.sourceCount[g];
    if (sources == inputs) {
      packWeights(c.packedBackward + g * size, w, inputs, taps, outputs, int64_t(inputs) * taps, taps, true);
      continue;
    }
    std::memset(summed, 0, size * sizeof(float));
    for (int o = 0; o < outputs; o++)
      for (int i = 0; i < inputs; i++)
        for (int t = 0; t < taps; t++)
          summed[(int64_t(o) * sources + c.sourceOf[g * inputs + i]) * taps + t] += w[(int64_t(o) * inputs + i) * taps + t];
    packWeights(c.packedBackward + g * size, summed, sources, taps, outputs, int64_t(sources) * taps, taps, true);
  }
}

// Inference: a batch norm behind a convolution is a factor of its weights and something to add.
inline void foldBatchNorm(const Executor& e, Conv& c) {
  const BatchNorm& bn = e.batchNorms[c.bn];
  int inputs = perIn(c), outputs = perOut(c), taps = c.kernelH * c.kernelW;
  for (int g = 0; g < c.groups; g++) {
    float* w = c.packed + int64_t(g) * outputs * inputs * taps;
    for (int b = 0; b < outputBlocks(outputs); b++) {
      int from = blockStart(outputs, b), width = blockStart(outputs, b + 1) - from;
      for (int i = 0; i < inputs * taps; i++)
        for (int o = 0; o < width; o++) *w++ *= bn.scale[c.outMap[g * outputs + from + o]];
    }
  }
  for (int o = 0; o < c.outChannels; o++) {
    float bias = c.bias >= 0 ? e.parameters[c.bias + o] : 0.0f;
    c.finish[o] = bias * bn.scale[c.outMap[o]] + bn.shift[c.outMap[o]];
  }
}

inline void packStep(const Executor& e, Step& s, float* scratch) {
  for (int k = 0; k < s.convCount; k++) {
    packConv(e, s, s.convs[k], scratch);
    if (s.convs[k].bn >= 0) foldBatchNorm(e, s.convs[k]);
  }
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

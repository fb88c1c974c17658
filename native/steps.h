// The steps that are not convolutions: permute, batch norm on its own, ReLU, add, loss.
// All but the loss are split by (block, channel).
#pragma once
#include <cmath>

#include "batch-norm.h"
#include "pool.h"
#include "tiles.h"

namespace igc {
namespace IGC_ISA {
namespace {

struct PlaneTask {
  Executor* e;
  Step* s;
  int channels;
};

INLINE int64_t positions(const Tensor& t) { return int64_t(t.height) * t.width; }

inline void forEachPlane(Executor& e, Step& s, int channels, Task run) {
  PlaneTask job{&e, &s, channels};
  parallelFor(e.pool, blocks(e) * channels, run, &job);
}

// Hands gradient g(i) of view(input k)[channel] to the input's gradient slot.
template <class G>
INLINE void contribute(Executor& e, const Step& s, int k, int block, int channel, G g) {
  if (s.mode[k] == kNone) return;
  const Tensor& t = e.tensors[s.inputs[k]];
  Contribution to = contributionTo(e, t, s.mode[k], s.complete[k], block, channel);
  V* dx = plane(e.gradients, t.gradientOffset, t, block, channel);
  const Stored* x = activation(e, t, block, channel);
  for (int64_t i = 0, n = positions(t); i < n; i++) dx[i] = to(g(i), to.add ? dx[i] : V{}, x[i]);
  if (!to.sum) return;
  double* sums = sumsAt(e.batchNorms[t.bn], block, 0, channel);
  sums[0] = laneSum(to.s0);
  sums[1] = laneSum(to.s1);
}

// Steps that complete the gradient of a tensor with a batch norm in its view write one slot per block.
inline void announceSums(Executor& e, const Step& s) {
  for (int k = 0; k < s.inputCount; k++) {
    const Tensor& t = e.tensors[s.inputs[k]];
    if (t.bn >= 0 && s.mode[k] != kNone && s.complete[k]) e.batchNorms[t.bn].usedSlots = 1;
  }
}

inline void reluForwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[job.s->inputs[0]], &out = e.tensors[job.s->output];
  View view = viewOf(e, in, block, c);
  const Stored* x = activation(e, in, block, c);
  Stored* y = activation(e, out, block, c);
  for (int64_t i = 0, n = positions(in); i < n; i++) y[i].put(rectify(view(x[i])));
}

inline void reluBackwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor& out = e.tensors[job.s->output];
  const Stored* y = activation(e, out, block, c);
  const V* g = plane(e.gradients, out.gradientOffset, out, block, c);
  contribute(e, *job.s, 0, block, c, [&](int64_t i) { return V(y[i]) > 0.0f ? g[i] : V{}; });
}

inline void permuteForwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[job.s->inputs[0]], &out = e.tensors[job.s->output];
  int source = job.s->map[c];
  View view = viewOf(e, in, block, source);
  const Stored* x = activation(e, in, block, source);
  Stored* y = activation(e, out, block, c);
  for (int64_t i = 0, n = positions(in); i < n; i++) y[i].put(view(x[i]));
}

// One task per source channel: it gathers from every place the channel went to.
inline void permuteBackwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor& out = e.tensors[job.s->output];
  const V* g = plane(e.gradients, out.gradientOffset, out, block, 0);
  int64_t n = out.plane;
  contribute(e, *job.s, 0, block, c, [&](int64_t i) {
    V sum{};
    for (int o = 0; o < out.channels; o++)
      if (job.s->map[o] == c) sum += g[o * n + i];
    return sum;
  });
}

inline void addForwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor& out = e.tensors[s.output];
  View view[kMaxInputs];
  const Stored* x[kMaxInputs];
  for (int k = 0; k < s.inputCount; k++) {
    const Tensor& t = e.tensors[s.inputs[k]];
    view[k] = viewOf(e, t, block, c);
    x[k] = activation(e, t, block, c);
  }
  Stored* y = activation(e, out, block, c);
  for (int64_t i = 0, n = positions(out); i < n; i++) {
    V sum = view[0](x[0][i]);
    for (int k = 1; k < s.inputCount; k++) sum += view[k](x[k][i]);
    y[i].put(s.relu ? rectify(sum) : sum);
  }
}

inline void addBackwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor& out = e.tensors[s.output];
  const Stored* y = activation(e, out, block, c);
  const V* g = plane(e.gradients, out.gradientOffset, out, block, c);
  for (int k = 0; k < s.inputCount; k++) {
    if (s.relu) contribute(e, s, k, block, c, [&](int64_t i) { return V(y[i]) > 0.0f ? g[i] : V{}; });
    else contribute(e, s, k, block, c, [&](int64_t i) { return g[i]; });
  }
}

inline void statisticsTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor& in = e.tensors[job.s->inputs[0]];
  const BatchNorm& bn = e.batchNorms[job.s->bn];
  View view = viewOf(e, in, block, c);
  const Stored* x = activation(e, in, block, c);
  V center = splat(bn.center[c]), mask = laneMask(e, block), s{}, q{};
  for (int64_t i = 0, n = positions(in); i < n; i++) {
    V d = (view(x[i]) - center) * mask;
    s += d;
    q += d * d;
  }
  double* sums = sumsAt(bn, block, 0, c);
  sums[0] = laneSum(s);
  sums[1] = laneSum(q);
}

inline void normalizeTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[job.s->inputs[0]], &out = e.tensors[job.s->output];
  const BatchNorm& bn = e.batchNorms[job.s->bn];
  int at = block / e.blocksPerReplica * bn.channels + c;
  View view = viewOf(e, in, block, c);
  V scale = splat(bn.scale[at]), shift = splat(bn.shift[at]);
  const Stored* x = activation(e, in, block, c);
  Stored* y = activation(e, out, block, c);
  for (int64_t i = 0, n = positions(in); i < n; i++) y[i].put(view(x[i]) * scale + shift);
}

inline void normalizeSumsTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[job.s->inputs[0]], &out = e.tensors[job.s->output];
  const BatchNorm& bn = e.batchNorms[job.s->bn];
  View view = viewOf(e, in, block, c);
  V mean = splat(bn.mean[block / e.blocksPerReplica * bn.channels + c]), s0{}, s1{};
  const Stored* x = activation(e, in, block, c);
  const V* g = plane(e.gradients, out.gradientOffset, out, block, c);
  for (int64_t i = 0, n = positions(in); i < n; i++) {
    s0 += g[i];
    s1 += g[i] * (view(x[i]) - mean);
  }
  double* sums = sumsAt(bn, block, 0, c);
  sums[0] = laneSum(s0);
  sums[1] = laneSum(s1);
}

inline void normalizeBackwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[job.s->inputs[0]], &out = e.tensors[job.s->output];
  BatchNormGradient back = batchNormGradient(e, e.batchNorms[job.s->bn], block, c);
  View view = viewOf(e, in, block, c);
  const Stored* x = activation(e, in, block, c);
  const V* g = plane(e.gradients, out.gradientOffset, out, block, c);
  contribute(e, *job.s, 0, block, c, [&](int64_t i) { return back(g[i], view(x[i])); });
}

inline void batchNormForward(Executor& e, Step& s) {
  BatchNorm& bn = e.batchNorms[s.bn];
  if (trains(e)) {
    startStatistics(e, bn);
    bn.usedSlots = 1;
    forEachPlane(e, s, bn.channels, statisticsTask);
    finishStatistics(e, bn);
  }
  forEachPlane(e, s, bn.channels, normalizeTask);
}

inline void batchNormBackward(Executor& e, Step& s) {
  BatchNorm& bn = e.batchNorms[s.bn];
  bn.usedSlots = 1;
  forEachPlane(e, s, bn.channels, normalizeSumsTask);
  finishBackward(e, bn);
  announceSums(e, s);
  forEachPlane(e, s, bn.channels, normalizeBackwardTask);
}

// Target probability of class k for one image.
INLINE double target(const Executor& e, const Step& s, int k, int image) {
  double weight = e.weights[image];
  double share = (k == e.labels[image] ? weight : 0) + (k == e.partners[image] ? 1 - weight : 0);
  return s.smoothing / s.classes + (1 - s.smoothing) * share;
}

struct Logits {
  const Element* values;  // [class][lane] of one block, at one lane
  int n;
  double top, sum;
  INLINE double operator[](int k) const { return toFloat(values[int64_t(k) * LANES]); }
};
INLINE Logits logitsOf(const Element* values, int n) {
  Logits l{values, n, toFloat(values[0]), 0};
  for (int k = 1; k < n; k++) if (l[k] > l.top) l.top = l[k];
  for (int k = 0; k < n; k++) l.sum += std::exp(l[k] - l.top);
  return l;
}

inline void lossForwardTask(void* context, int block, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  const Tensor& in = e.tensors[s.inputs[0]];
  const Element* x = (const Element*)activation(e, in, block, 0);
  for (int image = 0, n = imagesInBlock(e, block), first = firstImage(e, block); image < n; image++) {
    Logits logits = logitsOf(x + image * tilesOf(e), s.classes);
    double loss = 0, logSum = logits.top + std::log(logits.sum);
    for (int k = 0; k < s.classes; k++) {
      double t = target(e, s, k, first + image);
      if (t > 0) loss += t * (logSum - logits[k]);
    }
    e.losses[first + image] = loss;
  }
}

// d(mean loss)/d(logit) = (softmax - target) / batch
inline void lossBackwardTask(void* context, int block, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  const Tensor& in = e.tensors[s.inputs[0]];
  const Element* x = (const Element*)activation(e, in, block, 0);
  float* g = (float*)plane(e.gradients, in.gradientOffset, in, block, 0);
  for (int i = 0; i < s.classes * LANES; i++) g[i] = 0;
  for (int lane = 0, n = imagesInBlock(e, block), first = firstImage(e, block); lane < n; lane++) {
    Logits logits = logitsOf(x + lane, s.classes);
    for (int k = 0; k < s.classes; k++) {
      double p = std::exp(logits[k] - logits.top) / logits.sum;
      g[int64_t(k) * LANES + lane] = float((p - target(e, s, k, first + lane)) / e.count);
    }
  }
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

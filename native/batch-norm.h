// Batch norm's arithmetic per channel: sums of a pass -> coefficients of the views, and of the way back.
#pragma once
#include <cmath>

#include "stored.h"

namespace igc {
namespace IGC_ISA {
namespace {

INLINE double* sumsAt(const BatchNorm& bn, int block, int slot, int channel) {
  return bn.sums + ((int64_t(block) * bn.slots + slot) * bn.channels + channel) * 2;
}

// The two sums of a channel over one replica's blocks, in block and slot order.
INLINE void addSums(const Executor& e, const BatchNorm& bn, int replica, int channel, double& s0, double& s1) {
  s0 = s1 = 0;
  for (int b = replica * e.blocksPerReplica; b < (replica + 1) * e.blocksPerReplica; b++)
    for (int s = 0; s < bn.usedSlots; s++) {
      const double* sums = sumsAt(bn, b, s, channel);
      s0 += sums[0];
      s1 += sums[1];
    }
}

// What is subtracted before squaring: the running mean, which is near enough after the first steps.
inline void startStatistics(Executor& e, BatchNorm& bn) {
  for (int c = 0; c < bn.channels; c++) bn.center[c] = e.state[bn.runningMean + c];
}

INLINE void setView(Executor& e, BatchNorm& bn, int at, int c, double mean, double variance) {
  double inverse = 1.0 / std::sqrt(variance + bn.epsilon);
  double scale = double(e.parameters[bn.gamma + c]) * inverse;
  bn.mean[at] = float(mean);
  bn.inverseStd[at] = float(inverse);
  bn.scale[at] = float(scale);
  bn.shift[at] = float(double(e.parameters[bn.beta + c]) - mean * scale);
}

// Sums hold sum(x - center) and sum((x - center)^2).
inline void finishStatistics(Executor& e, BatchNorm& bn) {
  double n = double(bn.count);
  for (int c = 0; c < bn.channels; c++) {
    double means = 0, variances = 0;
    for (int r = 0; r < e.replicas; r++) {
      double s, q;
      addSums(e, bn, r, c, s, q);
      double offset = s / n, variance = q / n - offset * offset;
      if (variance < 0) variance = 0;
      double mean = double(bn.center[c]) + offset;
      setView(e, bn, r * bn.channels + c, c, mean, variance);
      means += mean;
      variances += variance * n / (n - 1);
    }
    float& runningMean = e.state[bn.runningMean + c];
    float& runningVariance = e.state[bn.runningVariance + c];
    runningMean = float(e.oldWeight * runningMean + (1 - e.oldWeight) * means / e.replicas);
    runningVariance = float(e.oldWeight * runningVariance + (1 - e.oldWeight) * variances / e.replicas);
  }
}

inline void useRunningAverages(Executor& e, BatchNorm& bn) {
  for (int r = 0; r < e.replicas; r++)
    for (int c = 0; c < bn.channels; c++)
      setView(e, bn, r * bn.channels + c, c, e.state[bn.runningMean + c], e.state[bn.runningVariance + c]);
}

// Sums hold sum(g) and sum(g (y - mean)); dgamma, dbeta and the coefficients of dy.
inline void finishBackward(Executor& e, BatchNorm& bn) {
  double n = double(bn.count);
  for (int c = 0; c < bn.channels; c++) {
    double dGamma = 0, dBeta = 0;
    for (int r = 0; r < e.replicas; r++) {
      double s, q;
      addSums(e, bn, r, c, s, q);
      int at = r * bn.channels + c;
      double inverse = bn.inverseStd[at];
      bn.c1[at] = float(s / n);
      bn.c2[at] = float(q * inverse * inverse / n);
      dBeta += s;
      dGamma += q * inverse;
    }
    e.parameterGradients[bn.gamma + c] = float(dGamma);
    e.parameterGradients[bn.beta + c] = float(dBeta);
  }
}

// dy = scale (g - c1 - (y - mean) c2) for one channel of one replica, 0 where there is no image.
struct BatchNormGradient {
  V scale, mean, shift, slope;
  INLINE V operator()(V g, V y) const { return multiplyAdd(slope, y - mean, multiplyAdd(scale, g, shift)); }
};
INLINE BatchNormGradient batchNormGradient(const Executor& e, const BatchNorm& bn, int block, int channel) {
  int at = block / e.blocksPerReplica * bn.channels + channel;
  V scale = splat(bn.scale[at]) * laneMask(e, block);
  return {scale, splat(bn.mean[at]), -scale * splat(bn.c1[at]), -scale * splat(bn.c2[at])};
}

// A contribution to a tensor's gradient, one channel of one block: adds what is there, masks by the view's ReLU,
// and once complete takes the sums that batch norm's backward needs.
struct Contribution {
  V scale, shift, mean, s0, s1;
  bool add, relu, affine, sum;
  INLINE V operator()(V g, V existing, V y) {
    if (relu) g = (affine ? y * scale + shift : y) > 0.0f ? g : V{};
    if (add) g += existing;
    if (sum) {
      s0 += g;
      s1 += g * (y - mean);
    }
    return g;
  }
  INLINE bool needsValue() const { return relu || sum; }
};
INLINE Contribution contributionTo(const Executor& e, const Tensor& t, int mode, bool complete, int block, int channel) {
  Contribution k{splat(1), splat(0), splat(0), V{}, V{}, mode == kAdd_, t.relu != 0, t.bn >= 0, t.bn >= 0 && complete};
  if (t.bn >= 0) {
    const BatchNorm& bn = e.batchNorms[t.bn];
    int at = block / e.blocksPerReplica * bn.channels + channel;
    k.scale = splat(bn.scale[at]);
    k.shift = splat(bn.shift[at]);
    k.mean = splat(bn.mean[at]);
  }
  return k;
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

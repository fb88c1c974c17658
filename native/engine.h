// What the N-API binding and the kernels of each instruction set share: plain structs, no templates, no
// standard containers (an inline function compiled for AVX-512 must never be linked into a baseline build).
// TypeScript has validated everything; see src/plan/plan.ts for what the fields mean.
#pragma once
#include <cstddef>
#include <cstdint>

namespace igc {

struct Pool;  // pool.h

struct Tensor {
  int channels, height, width;
  int64_t size, offset, gradientOffset;  // in floats
  int bn;                                // view: index into Executor::batchNorms or -1
  int relu;
};

struct BatchNorm {
  int channels;
  double epsilon;
  int64_t gamma, beta;                   // into parameters and gradients
  int64_t runningMean, runningVariance;  // into state
  int64_t count;                         // values per channel and replica
  // [replica][channel]; scale, shift: the view. mean, c1, c2: backward, dy = scale (g - c1 - (y - mean) c2).
  float *mean, *inverseStd, *scale, *shift, *c1, *c2;
  float* center;   // [channel]: subtracted before summing, near the mean
  double* sums;    // [block][slot][channel][2]: partial sums of the last pass, added in this order
  int slots;       // capacity per block
  int usedSlots;   // of the last pass
};

enum StepKind { kConv, kPermute, kBatchNorm, kRelu, kAdd, kAveragePool, kMaxPool, kLoss };
enum GradientMode { kNone, kWrite, kAdd_ };
constexpr int kMaxInputs = 8;

struct Step {
  int kind;
  int inputCount, inputs[kMaxInputs], output;
  int mode[kMaxInputs], complete[kMaxInputs];
  // conv; pools have kernel, stride and pad too
  int64_t weight, bias;
  int inChannels, outChannels, groups, kernelH, kernelW, stride, padH, padW;
  int *inMap, *outMap;
  int* sources;      // [groups][inPerGroup]: distinct tensor channels a group reads, in order of first use
  int* sourceCount;  // [groups]
  int* sourceOf;     // [inChannels]: which of its group's sources an input is
  float *packed, *packedBackward;
  float* partials;   // [block * strips][weights]: weight gradients of one task, summed in order
  int stripsForward, stripsBackward;       // per block
  int rowsForward, rowsBackward;           // output rows of a strip
  int chunkForward, chunkBackward;         // groups of a task
  // permute
  int* map;
  // batch norm on its own, add, loss
  int bn, relu, classes;
  double smoothing;
};

struct Executor {
  int training, batch, replicas, lanes, blocksPerReplica, count;
  int tensorCount, batchNormCount, stepCount;
  Tensor* tensors;
  BatchNorm* batchNorms;
  Step* steps;
  int input, output;
  float *activations, *gradients;        // arenas
  float *parameters, *parameterGradients, *state;
  double* losses;                        // [batch]
  int* labels;
  double oldWeight;
  Pool* pool;
  float** scratch;                       // one per worker
  int64_t scratchSize;                   // floats
  int hasLoss;
};

// One instruction set's kernels.
struct KernelTable {
  const char* name;
  int lanes;
  // Chooses strips and chunks of every step; returns the scratch floats one worker needs.
  int64_t (*plan)(Executor*);
  void (*setBatch)(Executor*, const float* images, const int32_t* labels, int count);
  void (*forward)(Executor*);
  void (*backward)(Executor*);
  void (*readTensor)(const Executor*, const float* arena, int64_t offset, const Tensor&, int count, float* out);
  void (*writeTensor)(const Executor*, float* arena, int64_t offset, const Tensor&, const float* in);
  void (*updateSgd)(Pool*, float* w, const float* g, float* m, int64_t n, float lr, float mu, float decay, int nesterov);
};

const KernelTable* kernelsBaseline();
#if defined(__x86_64__)
const KernelTable* kernelsAvx2();
const KernelTable* kernelsAvx512();
#endif

}  // namespace igc

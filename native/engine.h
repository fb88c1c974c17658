// What the N-API binding and the kernels of each instruction set share: plain structs, no templates, no
// standard containers (an inline function compiled for AVX-512 must never be linked into a baseline build).
// TypeScript has validated everything; see src/plan/plan.ts for what the fields mean.
#pragma once
#include <cstddef>
#include <cstdint>

namespace igc {

struct Pool;  // pool.h

struct Tensor {
  int channels, height, width;           // of what a lane holds of a map
  int imageHeight, imageWidth;           // of the map
  int64_t plane;                         // positions from one channel's map to the next
  int64_t offset, gradientOffset;        // in floats
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

// One convolution of a step.
struct Conv {
  int64_t weight, bias;
  int inChannels, outChannels, groups, kernelH, kernelW, stride, padH, padW;
  int inHeight, inWidth, outHeight, outWidth;
  int tiled;         // what it reads beyond its lane's tile lies in other lanes
  int bn, relu;      // what is done to the result at once: a folded batch norm (inference) or -1, a ReLU
  int *inMap, *outMap;
  int* sources;      // [groups][inPerGroup]: distinct channels a group reads, in order of first use
  int* sourceCount;  // [groups]
  int* sourceOf;     // [inChannels]: which of its group's sources an input is
  float *packed, *packedBackward;
  float* finish;     // [outChannels] to add to results in inference, or null
  float* partials;   // [slot][weights]: weight gradients of one task, summed in order
  int rows, strips, chunk;  // backward: output rows of a strip, strips per block, groups of a task
  int partialSlots;
};

struct Step {
  int kind;
  int inputCount, inputs[kMaxInputs], output;
  int mode[kMaxInputs], complete[kMaxInputs];
  Conv* convs;       // all but the last one's results live in scratch only
  int convCount;
  int widest;        // most inputs of a group
  int rowsForward, stripsForward, chunkForward, partsForward;  // partsForward: tasks of a group's outputs
  int together;      // backward: blocks at a time
  int kernelH, kernelW, stride, padH, padW;  // pools
  int* map;          // permute
  int bn, relu, classes;  // batch norm on its own, add, loss
  double smoothing;
};

// Modules that only infer (IGC_INFERENCE) leave out what only training plans need, and the loss.
#if defined(IGC_INFERENCE)
constexpr bool kTrains = false;
#else
constexpr bool kTrains = true;
#endif

struct Executor {
  int training, batch, replicas, lanes, blocksPerReplica, count;
  int gridRows, gridColumns;             // tiles of an image, one a lane
  int tensorCount, batchNormCount, stepCount;
  Tensor* tensors;
  BatchNorm* batchNorms;
  Step* steps;
  int input, output;
  void* activations;                     // arenas; see stored.h
  float* gradients;
  float *parameters, *parameterGradients, *state;
  double* losses;                        // [batch]
  int *labels, *partners;                // [batch]: the classes of each image, and
  double* weights;                       // what the first weighs; the second weighs the rest
  double oldWeight;
  Pool* pool;
  float* between[2];                     // gradients of fleeting results, some blocks' each, in turns
  int64_t betweenSize;                   // floats
  int64_t betweenShape[2][5];            // how they lie now
  float** scratch;                       // one per worker
  int64_t scratchSize;                   // floats
  int hasLoss;
  int64_t *forwardTimes, *backwardTimes;  // [step]: nanoseconds of the last pass
  int *forwardTasks, *backwardTasks;      // [step]: of its loop with the fewest
};
inline bool trains(const Executor& e) { return kTrains && e.training; }

// The kernels of one instruction set and storage of activations. Null where modules that only infer have none.
struct KernelTable {
  const char* name;
  int lanes;
  int elementBytes;  // of a stored activation
  // Chooses strips and chunks of every step; returns the scratch floats one worker needs.
  int64_t (*plan)(Executor*);
  // Reads the parameters and running averages that an inference plan computes with.
  void (*prepare)(Executor*);
  // partners, weights: null for images of one class each.
  void (*setBatch)(Executor*, const float* images, const int32_t* labels, int count, const int32_t* partners,
                   const float* weights);
  void (*forward)(Executor*);
  void (*backward)(Executor*, int from, int to);  // steps from − 1 … to
  void (*readActivation)(const Executor*, const Tensor&, int count, float* out);
  void (*readGradient)(const Executor*, const Tensor&, int count, float* out);
  void (*writeGradient)(const Executor*, const Tensor&, const float* in);
  // The first n elements of the arena.
  void (*copyActivations)(const Executor*, int64_t n, float* out);
  void (*updateSgd)(Pool*, float* w, const float* g, float* m, int64_t n, float lr, float mu, float decay, int nesterov);
  // What the machine reaches at most; see measure.h.
  double (*fmaRate)(Pool*, int64_t duration);
  void (*streamRates)(Pool*, float* buffer, int64_t floats, float* sinks, double* read, double* copy);
};

const KernelTable* kernelsBaseline();
#if defined(__x86_64__)
const KernelTable* kernelsAvx2();
const KernelTable* kernelsAvx512();
const KernelTable* kernelsAvx512Bfloat16();
#endif

}  // namespace igc

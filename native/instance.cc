#include "instance.h"

#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "pool.h"

namespace igc {

namespace {

constexpr int64_t kVector = 64;
#if defined(MADV_HUGEPAGE)
constexpr int64_t kHugePage = int64_t(1) << 21;
#else
constexpr int64_t kHugePage = INT64_MAX;
#endif

MemoryCount counted{};

void count(int64_t allocations, int64_t bytes) {
  __atomic_fetch_add(&counted.allocations, allocations, __ATOMIC_RELAXED);
  __atomic_fetch_add(&counted.bytes, bytes, __ATOMIC_RELAXED);
}

}  // namespace

MemoryCount memoryCount() {
  return {__atomic_load_n(&counted.allocations, __ATOMIC_RELAXED), __atomic_load_n(&counted.bytes, __ATOMIC_RELAXED)};
}

void* Arena::take(int64_t wanted) {
  int64_t alignment = wanted >= kHugePage ? kHugePage : kVector;
  int64_t bytes = (wanted + alignment - 1) / alignment * alignment;
  if (uint64_t(bytes) > SIZE_MAX) return nullptr;
  void* pointer = std::aligned_alloc(size_t(alignment), size_t(bytes));
  if (!pointer) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(pointer, size_t(bytes), MADV_HUGEPAGE);
#endif
  std::memset(pointer, 0, size_t(bytes));
  Piece* piece = static_cast<Piece*>(std::aligned_alloc(kVector, kVector));
  if (!piece) {
    std::free(pointer);
    return nullptr;
  }
  *piece = {pointer, bytes, pieces_};
  pieces_ = piece;
  count(1, bytes);
  return pointer;
}

void Arena::release() {
  while (pieces_) {
    Piece* piece = pieces_;
    pieces_ = piece->next;
    std::free(piece->pointer);
    count(0, -piece->bytes);
    std::free(piece);
  }
}

namespace {

// Reads the encoded plan number by number.
struct Reader {
  const double* p;
  double real() { return *p++; }
  int integer() { return int(*p++); }
  int64_t large() { return int64_t(*p++); }
  int* integers(Arena& arena, int count) {
    int* out = arena.make<int>(count);
    for (int i = 0; out && i < count; i++) out[i] = integer();
    return out;
  }
};

bool readTensors(Instance& in, Reader& r) {
  Executor& e = in.e;
  e.tensors = in.arena.make<Tensor>(e.tensorCount);
  if (!e.tensors) return false;
  for (int i = 0; i < e.tensorCount; i++) {
    Tensor& t = e.tensors[i];
    t.channels = r.integer(); t.height = r.integer(); t.width = r.integer();
    t.imageHeight = r.integer(); t.imageWidth = r.integer();
    t.plane = r.large(); t.offset = r.large(); t.gradientOffset = r.large();
    t.bn = r.integer(); t.relu = r.integer();
  }
  return true;
}

bool readBatchNorms(Instance& in, Reader& r) {
  Executor& e = in.e;
  e.batchNorms = in.arena.make<BatchNorm>(e.batchNormCount);
  if (!e.batchNorms) return false;
  for (int i = 0; i < e.batchNormCount; i++) {
    BatchNorm& bn = e.batchNorms[i];
    bn.channels = r.integer();
    bn.epsilon = r.real();
    bn.gamma = r.large(); bn.beta = r.large(); bn.runningMean = r.large(); bn.runningVariance = r.large();
    bn.count = r.large();
    float** const fields[] = {&bn.mean, &bn.inverseStd, &bn.scale, &bn.shift, &bn.c1, &bn.c2};
    for (float** field : fields)
      if (!(*field = in.arena.make<float>(int64_t(e.replicas) * bn.channels))) return false;
    if (!(bn.center = in.arena.make<float>(bn.channels))) return false;
  }
  return true;
}

// The distinct tensor channels each group of a convolution reads.
bool findSources(Arena& arena, Conv& c) {
  int perIn = c.inChannels / c.groups;
  c.sources = arena.make<int>(c.inChannels);
  c.sourceOf = arena.make<int>(c.inChannels);
  c.sourceCount = arena.make<int>(c.groups);
  if (!c.sources || !c.sourceOf || !c.sourceCount) return false;
  for (int g = 0; g < c.groups; g++) {
    int *sources = c.sources + g * perIn, count = 0;
    for (int i = g * perIn; i < (g + 1) * perIn; i++) {
      int at = 0;
      while (at < count && sources[at] != c.inMap[i]) at++;
      if (at == count) sources[count++] = c.inMap[i];
      c.sourceOf[i] = at;
    }
    c.sourceCount[g] = count;
  }
  return true;
}

// Maps follow from the input's to the output's; only fleeting results bring their own.
bool readConvs(Instance& in, Reader& r, Step& s) {
  const Tensor &input = in.e.tensors[s.inputs[0]], &output = in.e.tensors[s.output];
  s.convCount = r.integer();
  if (!(s.convs = in.arena.make<Conv>(s.convCount))) return false;
  int height = input.height, width = input.width;
  for (int k = 0; k < s.convCount; k++) {
    Conv& c = s.convs[k];
    c.weight = r.large(); c.bias = r.large();
    c.inChannels = r.integer(); c.outChannels = r.integer(); c.groups = r.integer();
    c.kernelH = r.integer(); c.kernelW = r.integer(); c.stride = r.integer(); c.padH = r.integer(); c.padW = r.integer();
    c.bn = r.integer(); c.relu = r.integer();
    c.inMap = r.integers(in.arena, c.inChannels);
    c.outMap = r.integers(in.arena, c.outChannels);
    bool last = k == s.convCount - 1;
    c.tiled = in.e.gridRows * in.e.gridColumns > 1 && c.kernelH * c.kernelW + c.padH + c.padW > 1;
    c.inHeight = height; c.inWidth = width;
    c.outHeight = height = last ? output.height : r.integer();
    c.outWidth = width = last ? output.width : r.integer();
    if (!c.inMap || !c.outMap || !findSources(in.arena, c)) return false;
  }
  return true;
}

bool readSteps(Instance& in, Reader& r) {
  Executor& e = in.e;
  if (!(e.steps = in.arena.make<Step>(e.stepCount))) return false;
  for (int i = 0; i < e.stepCount; i++) {
    Step& s = e.steps[i];
    s.kind = r.integer();
    s.output = r.integer();
    s.inputCount = r.integer();
    for (int k = 0; k < s.inputCount; k++) { s.inputs[k] = r.integer(); s.mode[k] = r.integer(); s.complete[k] = r.integer(); }
    switch (s.kind) {
      case kConv:
        if (!readConvs(in, r, s)) return false;
        break;
      case kPermute:
        if (!(s.map = r.integers(in.arena, e.tensors[s.output].channels))) return false;
        break;
      case kBatchNorm: s.bn = r.integer(); break;
      case kAdd: s.relu = r.integer(); break;
      case kAveragePool: s.kernelH = r.integer(); s.kernelW = r.integer(); s.stride = r.integer(); break;
      case kMaxPool: s.kernelH = r.integer(); s.kernelW = r.integer(); s.stride = r.integer(); s.padH = r.integer(); s.padW = r.integer(); break;
      case kLoss: s.classes = r.integer(); s.smoothing = r.real(); e.hasLoss = 1; break;
    }
  }
  return true;
}

bool allocateConv(Instance& in, Conv& c) {
  int64_t weights = int64_t(c.outChannels) * (c.inChannels / c.groups) * c.kernelH * c.kernelW;
  if (!(c.packed = in.arena.make<float>(weights))) return false;
  if (c.bn >= 0 && !(c.finish = in.arena.make<float>(c.outChannels))) return false;
  if (!trains(in.e)) return true;
  return (c.packedBackward = in.arena.make<float>(weights)) && (c.partials = in.arena.make<float>(weights * c.partialSlots));
}

// Memory whose size follows from the kernels' own choice of strips.
bool allocateWork(Instance& in) {
  Executor& e = in.e;
  Arena& arena = in.arena;
  if (!(e.forwardTasks = arena.make<int>(e.stepCount))) return false;
  if (!(e.backwardTasks = arena.make<int>(e.stepCount))) return false;
  e.scratchSize = in.kernels->plan(&e);
  int threads = poolThreads(e.pool), blocks = e.replicas * e.blocksPerReplica, mostStrips = 1;
  if (!(e.scratch = arena.make<float*>(threads))) return false;
  for (int i = 0; i < threads; i++) if (!(e.scratch[i] = arena.make<float>(e.scratchSize))) return false;
  for (int i = 0; i < e.stepCount; i++) {
    Step& s = e.steps[i];
    if (s.kind != kConv) continue;
    if (s.stripsForward > mostStrips) mostStrips = s.stripsForward;
    if (s.convs[0].strips > mostStrips) mostStrips = s.convs[0].strips;
    for (int k = 0; k < s.convCount; k++) if (!allocateConv(in, s.convs[k])) return false;
  }
  if (!(e.forwardTimes = arena.make<int64_t>(e.stepCount))) return false;
  if (!(e.backwardTimes = arena.make<int64_t>(e.stepCount))) return false;
  for (float*& between : e.between) if (e.betweenSize > 0 && !(between = arena.make<float>(e.betweenSize))) return false;
  for (int i = 0; i < e.batchNormCount; i++) {
    BatchNorm& bn = e.batchNorms[i];
    bn.slots = mostStrips;
    bn.sums = arena.make<double>(int64_t(blocks) * mostStrips * bn.channels * 2);
    if (!bn.sums) return false;
  }
  return true;
}

constexpr int kNaN = 0xff;  // every byte of a NaN, float32 and bfloat16

}  // namespace

bool instantiate(Instance& in, const double* program, const ModelArrays& model, bool poison) {
  Executor& e = in.e;
  Reader r{program};
  e.training = r.integer(); e.batch = r.integer(); e.replicas = r.integer();
  e.lanes = r.integer(); e.gridRows = r.integer(); e.gridColumns = r.integer(); e.blocksPerReplica = r.integer();
  e.tensorCount = r.integer(); e.batchNormCount = r.integer(); e.stepCount = r.integer();
  e.input = r.integer(); e.output = r.integer();
  in.activationSize = r.large(); in.gradientSize = r.large();
  e.count = e.batch;
  e.parameters = model.parameters;
  e.parameterGradients = model.gradients;
  e.state = model.state;
  e.losses = in.arena.make<double>(e.batch);
  e.labels = in.arena.make<int>(e.batch);
  e.partners = in.arena.make<int>(e.batch);
  e.weights = in.arena.make<double>(e.batch);
  int64_t activationBytes = in.activationSize * in.kernels->elementBytes;
  e.activations = in.arena.make<char>(activationBytes);
  e.gradients = in.arena.make<float>(in.gradientSize);
  bool enough = e.activations && e.gradients && e.losses && e.labels && e.partners && e.weights &&
                readTensors(in, r) && readBatchNorms(in, r) && readSteps(in, r) && allocateWork(in);
  if (!enough) return false;
  if (poison) {
    std::memset(e.activations, kNaN, size_t(activationBytes));
    std::memset(e.gradients, kNaN, size_t(in.gradientSize) * sizeof(float));
  }
  if (!trains(e)) {
    lockPool(e.pool);
    in.kernels->prepare(&e);
    unlockPool(e.pool);
  }
  return true;
}

}  // namespace igc

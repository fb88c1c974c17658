// One instruction set's kernels: compiled once per set, with IGC_ISA (namespace), IGC_TABLE (the function that
// returns the table), IGC_NAME and LANES, and for activations in bfloat16 IGC_BFLOAT16.
#include "conv-plan.h"
#include "measure.h"
#include "pooling.h"
#include "steps.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Parts that a step is cut into for the threads, where its loops differ in the one with the fewest.
void countTasks(const Executor& e, int i) {
  const Step& s = e.steps[i];
  int images = blocks(e);
  e.forwardTasks[i] = e.backwardTasks[i] = images * (s.kind == kLoss ? 1 : e.tensors[s.output].channels);
  if (s.kind == kPermute || s.kind == kAveragePool || s.kind == kMaxPool) e.backwardTasks[i] = images * e.tensors[s.inputs[0]].channels;
  if (s.kind != kConv) return;
  e.forwardTasks[i] = images * forwardTasks(s);
  if (!trains(e)) return;
  e.backwardTasks[i] = s.together * backwardTasks(s.convs[0]);
  for (int k = 1; k < s.convCount; k++) e.backwardTasks[i] = minimum(e.backwardTasks[i], s.together * backwardTasks(s.convs[k]));
}

int64_t planSteps(Executor* e) {
  int64_t most = 0;
  for (int i = 0; i < e->stepCount; i++) {
    Step& s = e->steps[i];
    int64_t need = s.kind == kConv ? planConv(*e, s) : poolScratch(*e, s);
    if (need > most) most = need;
    countTasks(*e, i);
  }
  return most;
}

// Lanes -> images [count][C][H][W]; start: of the tensor's planes.
template <class T>
void readTensor(const Executor* e, const T* start, const Tensor& t, int count, float* out) {
  const int64_t n = imagePositions(t);
  for (int b = 0; b < blocks(*e); b++) {
    const T* from = start + int64_t(b) * t.channels * t.plane * LANES;
    const int first = firstImage(*e, b), perReplica = e->batch / e->replicas;
    const int images = minimum(perReplica - b % e->blocksPerReplica * imagesPerBlock(*e), count - first);
    for (int lane = 0; lane < LANES; lane++) {
      const LaneTile tile = laneTile(*e, t, lane);
      if (tile.image >= images) break;
      for (int c = 0; c < t.channels; c++) {
        float* to = out + (int64_t(first + tile.image) * t.channels + c) * n + tile.first;
        const T* values = from + c * t.plane * LANES + lane;
        for (int y = 0; y < tile.rows; y++)
          for (int x = 0; x < tile.columns; x++) to[y * t.imageWidth + x] = toFloat(values[(y * t.width + x) * LANES]);
      }
    }
  }
}

void readActivation(const Executor* e, const Tensor& t, int count, float* out) {
  readTensor(e, (const Element*)activation(*e, t, 0, 0), t, count, out);
}

void readGradient(const Executor* e, const Tensor& t, int count, float* out) {
  readTensor(e, e->gradients + t.gradientOffset, t, count, out);
}

template <class T>
struct WriteTask {
  const Executor* e;
  T* start;
  const Tensor* t;
  const float* in;
  int count;
};

template <class T>
void writeTask(void* context, int task, int) {
  WriteTask<T>& job = *static_cast<WriteTask<T>*>(context);
  const Executor& e = *job.e;
  int block = task / job.t->channels, channel = task % job.t->channels;
  int first = firstImage(e, block), perReplica = e.batch / e.replicas;
  const Tensor& t = *job.t;
  int images = minimum(perReplica - block % e.blocksPerReplica * imagesPerBlock(e), job.count - first);
  int64_t n = imagePositions(t), stride = n * t.channels;
  T* to = job.start + task * t.plane * LANES;
  for (int lane = 0; lane < LANES; lane++, to++) {
    const LaneTile tile = laneTile(e, t, lane);
    const float* from = job.in + (first + tile.image) * stride + channel * n + tile.first;
    const int rows = tile.image < images ? tile.rows : 0;
    for (int y = 0; y < t.height; y++) {
      const int columns = y < rows ? tile.columns : 0;
      T* row = to + y * t.width * LANES;
      for (int x = 0; x < columns; x++) putNumber(row[x * LANES], from[y * t.imageWidth + x]);
      for (int x = columns; x < t.width; x++) row[x * LANES] = 0;
    }
  }
}

// Images [count][C][H][W] -> lanes; start: of the tensor's planes.
template <class T>
void writeTensor(const Executor* e, T* start, const Tensor& t, const float* in, int count) {
  WriteTask<T> job{e, start, &t, in, count};
  parallelFor(e->pool, blocks(*e) * t.channels, writeTask<T>, &job);
}

void writeGradient(const Executor* e, const Tensor& t, const float* in) {
  writeTensor(e, e->gradients + t.gradientOffset, t, in, e->batch);
}

void setBatch(Executor* e, const float* images, const int32_t* labels, int count, const int32_t* partners,
              const float* weights) {
  const Tensor& t = e->tensors[e->input];
  writeTensor(e, (Element*)activation(*e, t, 0, 0), t, images, count);
  for (int i = 0; i < e->batch; i++) {
    const bool there = i < count, mixed = there && partners;
    e->labels[i] = there ? labels[i] : 0;
    e->partners[i] = mixed ? partners[i] : e->labels[i];
    e->weights[i] = mixed ? weights[i] : 1;
  }
  e->count = count;
}

void copyActivations(const Executor* e, int64_t n, float* out) {
  const Element* from = (const Element*)e->activations;
  for (int64_t i = 0; i < n; i++) out[i] = toFloat(from[i]);
}

struct PackTask {
  Executor* e;
};
void packTask(void* context, int task, int worker) {
  Executor& e = *static_cast<PackTask*>(context)->e;
  if (e.steps[task].kind == kConv) packStep(e, e.steps[task], e.scratch[worker]);
}

void pack(Executor* e) {
  PackTask job{e};
  parallelFor(e->pool, e->stepCount, packTask, &job);
}

void prepare(Executor* e) {
  for (int i = 0; i < e->batchNormCount; i++) useRunningAverages(*e, e->batchNorms[i]);
  pack(e);
}

void forward(Executor* e) {
  if (trains(*e)) pack(e);
  for (int i = 0; i < e->stepCount; i++) {
    Step& s = e->steps[i];
    int64_t start = nanoseconds();
    int channels = e->tensors[s.output].channels;
    switch (s.kind) {
      case kConv: convForward(*e, s); break;
      case kPermute: forEachPlane(*e, s, channels, permuteForwardTask); break;
      case kBatchNorm: batchNormForward(*e, s); break;
      case kRelu: forEachPlane(*e, s, channels, reluForwardTask); break;
      case kAdd: forEachPlane(*e, s, channels, addForwardTask); break;
      case kAveragePool: forEachPlane(*e, s, channels, tilesOf(*e) > 1 ? averageTilesTask : poolForwardTask); break;
      case kMaxPool: forEachPlane(*e, s, channels, tilesOf(*e) > 1 ? maxPoolTilesTask : maxPoolForwardTask); break;
      case kLoss: if (kTrains) forEachPlane(*e, s, 1, lossForwardTask); break;
    }
    e->forwardTimes[i] = nanoseconds() - start;
  }
}

void backward(Executor* e, int from, int to) {
  for (int i = from - 1; i >= to; i--) {
    Step& s = e->steps[i];
    int64_t start = nanoseconds();
    int channels = e->tensors[s.inputs[0]].channels;
    if (s.kind != kConv && s.kind != kBatchNorm && s.kind != kLoss) announceSums(*e, s);
    switch (s.kind) {
      case kConv: convBackward(*e, s); break;
      case kPermute: forEachPlane(*e, s, channels, permuteBackwardTask); break;
      case kBatchNorm: batchNormBackward(*e, s); break;
      case kRelu: forEachPlane(*e, s, channels, reluBackwardTask); break;
      case kAdd: forEachPlane(*e, s, channels, addBackwardTask); break;
      case kAveragePool: forEachPlane(*e, s, channels, poolBackwardTask); break;
      case kMaxPool: forEachPlane(*e, s, channels, maxPoolBackwardTask); break;
      case kLoss: forEachPlane(*e, s, 1, lossBackwardTask); break;
    }
    e->backwardTimes[i] = nanoseconds() - start;
  }
}

struct SgdTask {
  float *w, *m;
  const float* g;
  int64_t n;
  float lr, mu, decay;
  int nesterov;
};
constexpr int64_t kSgdChunk = 16384;

void sgdTask(void* context, int task, int) {
  SgdTask& k = *static_cast<SgdTask*>(context);
  int64_t from = task * kSgdChunk, to = from + kSgdChunk < k.n ? from + kSgdChunk : k.n;
  for (int64_t i = from; i < to; i++) {
    float g = k.g[i] + k.decay * k.w[i], m = k.mu * k.m[i] + g;
    k.m[i] = m;
    k.w[i] -= k.lr * (k.nesterov ? g + k.mu * m : m);
  }
}

void updateSgd(Pool* pool, float* w, const float* g, float* m, int64_t n, float lr, float mu, float decay, int nesterov) {
  SgdTask job{w, m, g, n, lr, mu, decay, nesterov};
  parallelFor(pool, int((n + kSgdChunk - 1) / kSgdChunk), sgdTask, &job);
}

#if defined(IGC_INFERENCE)
const KernelTable table = {IGC_NAME, LANES, sizeof(Element), planSteps, prepare, setBatch, forward, nullptr, readActivation,
                           nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
#else
const KernelTable table = {IGC_NAME, LANES, sizeof(Element), planSteps, prepare, setBatch, forward, backward, readActivation,
                           readGradient, writeGradient, copyActivations, updateSgd, fmaRate, streamRates};
#endif

}  // namespace
}  // namespace IGC_ISA

const KernelTable* IGC_TABLE() { return &IGC_ISA::table; }

}  // namespace igc

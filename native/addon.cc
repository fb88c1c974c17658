// N-API binding: turns a plan encoded as numbers (src/kernels/native-program.ts writes it, in the order read
// here) into an Executor, and runs it. TypeScript has checked everything; arguments are positional.
#include <node_api.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "engine.h"
#include "pool.h"

namespace {

using namespace igc;

std::atomic<int64_t> allocations{0}, allocatedBytes{0};

// Everything that a plan needs, allocated once and freed together: aligned to a vector, and where it is large to a
// huge page (planes lie far apart, and 4 KiB pages cost 13 % of a step in address translation).
class Arena {
  static constexpr size_t kHugePage = size_t(1) << 21;

 public:
  ~Arena() {
    for (auto& [pointer, bytes] : pieces_) {
      std::free(pointer);
      allocatedBytes -= int64_t(bytes);
    }
  }
  template <class T>
  T* make(int64_t count) {
    size_t alignment = size_t(count) * sizeof(T) >= kHugePage ? kHugePage : 64;
    size_t bytes = (size_t(count < 1 ? 1 : count) * sizeof(T) + alignment - 1) / alignment * alignment;
    void* pointer = std::aligned_alloc(alignment, bytes);
    if (!pointer) return nullptr;
#if defined(MADV_HUGEPAGE)
    if (alignment == kHugePage) madvise(pointer, bytes, MADV_HUGEPAGE);
#endif
    std::memset(pointer, 0, bytes);
    pieces_.push_back({pointer, bytes});
    allocations++;
    allocatedBytes += int64_t(bytes);
    return static_cast<T*>(pointer);
  }

 private:
  std::vector<std::pair<void*, size_t>> pieces_;
};

struct PoolHandle {
  std::shared_ptr<Pool> pool;
};

struct Instance {
  Executor e{};
  const KernelTable* kernels = nullptr;
  std::shared_ptr<Pool> pool;
  Arena arena;
  int64_t activationSize = 0, gradientSize = 0;
  napi_ref arrays[4] = {};  // parameters, gradients, state stay alive
};

#define CHECK(call) \
  if ((call) != napi_ok) return fail(env, "internal: N-API call failed: " #call)

napi_value fail(napi_env env, const char* message) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, nullptr, message);
  return nullptr;
}

template <class T>
T* typedArray(napi_env env, napi_value value, size_t* length = nullptr) {
  void* data = nullptr;
  size_t n = 0;
  if (napi_get_typedarray_info(env, value, nullptr, &n, &data, nullptr, nullptr) != napi_ok) return nullptr;
  if (length) *length = n;
  return static_cast<T*>(data);
}

double number(napi_env env, napi_value value) {
  double x = 0;
  napi_get_value_double(env, value, &x);
  return x;
}

template <class T>
T* external(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_get_value_external(env, value, &data);
  return static_cast<T*>(data);
}

struct Arguments {
  napi_value v[8];
  explicit Arguments(napi_env env, napi_callback_info info) {
    size_t n = 8;
    napi_get_cb_info(env, info, &n, v, nullptr, nullptr);
  }
};

const KernelTable* tableOf(const std::string& isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (isa == "avx512" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
    return kernelsAvx512();
  if (isa == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kernelsAvx2();
#endif
  return isa == "baseline" ? kernelsBaseline() : nullptr;
}

std::string text(napi_env env, napi_value value) {
  char buffer[64] = {};
  size_t n = 0;
  napi_get_value_string_utf8(env, value, buffer, sizeof buffer, &n);
  return std::string(buffer, n);
}

// isaLanes(name): lanes of an instruction set's kernels, or 0 where this CPU does not have it.
napi_value IsaLanes(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  const KernelTable* table = tableOf(text(env, a.v[0]));
  napi_value out;
  CHECK(napi_create_int32(env, table ? table->lanes : 0, &out));
  return out;
}

napi_value CreatePool(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* handle = new PoolHandle{std::shared_ptr<Pool>(createPool(int(number(env, a.v[0]))), destroyPool)};
  napi_value out;
  CHECK(napi_create_external(env, handle, [](napi_env, void* p, void*) { delete static_cast<PoolHandle*>(p); }, nullptr, &out));
  return out;
}

// Reads the encoded plan number by number.
struct Reader {
  const double* p;
  double real() { return *p++; }
  int integer() { return int(*p++); }
  int64_t large() { return int64_t(*p++); }
  int* integers(Arena& arena, int count) {
    int* out = arena.make<int>(count);
    for (int i = 0; i < count; i++) out[i] = integer();
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
    t.size = r.large(); t.offset = r.large(); t.gradientOffset = r.large();
    t.bn = r.integer(); t.relu = r.integer();
  }
  return true;
}

bool readBatchNorms(Instance& in, Reader& r) {
  Executor& e = in.e;
  e.batchNorms = in.arena.make<BatchNorm>(e.batchNormCount);
  for (int i = 0; i < e.batchNormCount; i++) {
    BatchNorm& bn = e.batchNorms[i];
    bn.channels = r.integer();
    bn.epsilon = r.real();
    bn.gamma = r.large(); bn.beta = r.large(); bn.runningMean = r.large(); bn.runningVariance = r.large();
    bn.count = r.large();
    for (float** field : {&bn.mean, &bn.inverseStd, &bn.scale, &bn.shift, &bn.c1, &bn.c2})
      if (!(*field = in.arena.make<float>(int64_t(e.replicas) * bn.channels))) return false;
    bn.center = in.arena.make<float>(bn.channels);
  }
  return true;
}

// The distinct tensor channels each group of a convolution reads.
void findSources(Arena& arena, Conv& s) {
  int perIn = s.inChannels / s.groups;
  s.sources = arena.make<int>(s.inChannels);
  s.sourceOf = arena.make<int>(s.inChannels);
  s.sourceCount = arena.make<int>(s.groups);
  int largest = 0;
  for (int i = 0; i < s.inChannels; i++) if (s.inMap[i] > largest) largest = s.inMap[i];
  std::vector<int> seen(size_t(largest) + 1), group(size_t(largest) + 1, -1);
  for (int g = 0; g < s.groups; g++) {
    int count = 0;
    for (int i = g * perIn; i < (g + 1) * perIn; i++) {
      int c = s.inMap[i];
      if (group[c] != g) {
        group[c] = g;
        seen[c] = count;
        s.sources[g * perIn + count++] = c;
      }
      s.sourceOf[i] = seen[c];
    }
    s.sourceCount[g] = count;
  }
}

// Maps follow from the input's to the output's; only fleeting results bring their own.
void readConvs(Instance& in, Reader& r, Step& s) {
  const Tensor &input = in.e.tensors[s.inputs[0]], &output = in.e.tensors[s.output];
  s.convCount = r.integer();
  s.convs = in.arena.make<Conv>(s.convCount);
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
    c.inHeight = height; c.inWidth = width;
    c.outHeight = height = last ? output.height : r.integer();
    c.outWidth = width = last ? output.width : r.integer();
    findSources(in.arena, c);
  }
}

bool readSteps(Instance& in, Reader& r) {
  Executor& e = in.e;
  e.steps = in.arena.make<Step>(e.stepCount);
  e.forwardTimes = in.arena.make<int64_t>(e.stepCount);
  e.backwardTimes = in.arena.make<int64_t>(e.stepCount);
  for (int i = 0; i < e.stepCount; i++) {
    Step& s = e.steps[i];
    s.kind = r.integer();
    s.output = r.integer();
    s.inputCount = r.integer();
    for (int k = 0; k < s.inputCount; k++) { s.inputs[k] = r.integer(); s.mode[k] = r.integer(); s.complete[k] = r.integer(); }
    switch (s.kind) {
      case kConv: readConvs(in, r, s); break;
      case kPermute: s.map = r.integers(in.arena, e.tensors[s.output].channels); break;
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
  if (!in.e.training) return true;
  return (c.packedBackward = in.arena.make<float>(weights)) && (c.partials = in.arena.make<float>(weights * c.partialSlots));
}

// Memory whose size follows from the kernels' own choice of strips.
bool allocateWork(Instance& in) {
  Executor& e = in.e;
  Arena& arena = in.arena;
  e.scratchSize = in.kernels->plan(&e);
  int threads = poolThreads(e.pool), blocks = e.replicas * e.blocksPerReplica, mostStrips = 1;
  e.scratch = arena.make<float*>(threads);
  for (int i = 0; i < threads; i++) if (!(e.scratch[i] = arena.make<float>(e.scratchSize))) return false;
  for (int i = 0; i < e.stepCount; i++) {
    Step& s = e.steps[i];
    if (s.kind != kConv) continue;
    if (s.stripsForward > mostStrips) mostStrips = s.stripsForward;
    if (s.convs[0].strips > mostStrips) mostStrips = s.convs[0].strips;
    for (int k = 0; k < s.convCount; k++) if (!allocateConv(in, s.convs[k])) return false;
  }
  for (float*& between : e.between) if (e.betweenSize > 0 && !(between = arena.make<float>(e.betweenSize))) return false;
  for (int i = 0; i < e.batchNormCount; i++) {
    BatchNorm& bn = e.batchNorms[i];
    bn.slots = mostStrips;
    bn.sums = arena.make<double>(int64_t(blocks) * mostStrips * bn.channels * 2);
    if (!bn.sums) return false;
  }
  return true;
}

// instantiate(isa, pool, program: Float64Array, parameters, gradients, state: Float32Array, poison) -> external
napi_value Instantiate(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto in = std::make_unique<Instance>();
  in->kernels = tableOf(text(env, a.v[0]));
  if (!in->kernels) return fail(env, "internal: instruction set not supported");
  in->pool = external<PoolHandle>(env, a.v[1])->pool;
  Executor& e = in->e;
  e.pool = in->pool.get();
  Reader r{typedArray<double>(env, a.v[2])};
  e.training = r.integer(); e.batch = r.integer(); e.replicas = r.integer();
  e.lanes = r.integer(); e.blocksPerReplica = r.integer();
  e.tensorCount = r.integer(); e.batchNormCount = r.integer(); e.stepCount = r.integer();
  e.input = r.integer(); e.output = r.integer();
  in->activationSize = r.large(); in->gradientSize = r.large();
  e.count = e.batch;
  e.parameters = typedArray<float>(env, a.v[3]);
  e.parameterGradients = typedArray<float>(env, a.v[4]);
  e.state = typedArray<float>(env, a.v[5]);
  e.losses = in->arena.make<double>(e.batch);
  e.labels = in->arena.make<int>(e.batch);
  e.activations = in->arena.make<float>(in->activationSize);
  e.gradients = in->arena.make<float>(in->gradientSize);
  bool enough = e.activations && e.gradients && e.losses && e.labels && readTensors(*in, r) && readBatchNorms(*in, r) &&
                readSteps(*in, r) && allocateWork(*in);
  if (!enough) return fail(env, "memory: not enough for this network and batch, choose a smaller batch (-b)");
  if (number(env, a.v[6]) != 0) {
    for (int64_t i = 0; i < in->activationSize; i++) e.activations[i] = std::numeric_limits<float>::quiet_NaN();
    for (int64_t i = 0; i < in->gradientSize; i++) e.gradients[i] = std::numeric_limits<float>::quiet_NaN();
  }
  if (!e.training) {
    lockPool(e.pool);
    in->kernels->prepare(&e);
    unlockPool(e.pool);
  }
  for (int i = 0; i < 3; i++) CHECK(napi_create_reference(env, a.v[3 + i], 1, &in->arrays[i]));
  napi_value out;
  Instance* instance = in.release();
  auto finalize = [](napi_env env, void* p, void*) {
    auto* instance = static_cast<Instance*>(p);
    for (napi_ref ref : instance->arrays) if (ref) napi_delete_reference(env, ref);
    delete instance;
  };
  CHECK(napi_create_external(env, instance, finalize, nullptr, &out));
  return out;
}

// Holds the pool while a step runs; two JS threads may share one.
struct Turn {
  Pool* pool;
  explicit Turn(Instance* in) : pool(in->pool.get()) { lockPool(pool); }
  ~Turn() { unlockPool(pool); }
};

napi_value SetBatch(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  Turn turn(in);
  in->kernels->setBatch(&in->e, typedArray<float>(env, a.v[1]), typedArray<int32_t>(env, a.v[2]), int(number(env, a.v[3])));
  return nullptr;
}

napi_value Forward(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  in->e.oldWeight = number(env, a.v[1]);
  Turn turn(in);
  in->kernels->forward(&in->e);
  return nullptr;
}

napi_value Backward(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  Turn turn(in);
  in->kernels->backward(&in->e);
  return nullptr;
}

// losses(instance, out: Float64Array)
napi_value Losses(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  std::memcpy(typedArray<double>(env, a.v[1]), in->e.losses, sizeof(double) * size_t(in->e.count));
  return nullptr;
}

// read(instance, tensor, gradient?, count, out: Float32Array)
napi_value Read(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  const Tensor& t = in->e.tensors[int(number(env, a.v[1]))];
  bool gradient = number(env, a.v[2]) != 0;
  in->kernels->readTensor(&in->e, gradient ? in->e.gradients : in->e.activations, gradient ? t.gradientOffset : t.offset, t,
                          int(number(env, a.v[3])), typedArray<float>(env, a.v[4]));
  return nullptr;
}

// writeGradient(instance, tensor, values)
napi_value WriteGradient(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  const Tensor& t = in->e.tensors[int(number(env, a.v[1]))];
  Turn turn(in);
  in->kernels->writeTensor(&in->e, in->e.gradients, t.gradientOffset, t, typedArray<float>(env, a.v[2]));
  return nullptr;
}

// readArena(instance, gradients?, out)
napi_value ReadArena(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  bool gradients = number(env, a.v[1]) != 0;
  size_t n = size_t(gradients ? in->gradientSize : in->activationSize);
  std::memcpy(typedArray<float>(env, a.v[2]), gradients ? in->e.gradients : in->e.activations, n * sizeof(float));
  return nullptr;
}

// Frees at once what the garbage collector would free some day.
napi_value Dispose(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  in->arena.~Arena();
  new (&in->arena) Arena();
  return nullptr;
}

// updateSgd(isa, pool, w, g, m, offset, n, options: Float64Array [lr, mu, decay, nesterov])
napi_value UpdateSgd(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  const KernelTable* kernels = tableOf(text(env, a.v[0]));
  Pool* pool = external<PoolHandle>(env, a.v[1])->pool.get();
  int64_t offset = int64_t(number(env, a.v[5])), n = int64_t(number(env, a.v[6]));
  const double* k = typedArray<double>(env, a.v[7]);
  lockPool(pool);
  kernels->updateSgd(pool, typedArray<float>(env, a.v[2]) + offset, typedArray<float>(env, a.v[3]) + offset,
                     typedArray<float>(env, a.v[4]) + offset, n, float(k[0]), float(k[1]), float(k[2]), k[3] != 0);
  unlockPool(pool);
  return nullptr;
}

// stepTimes(instance, backward?, out: Float64Array): nanoseconds of every step in the last pass
napi_value StepTimes(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  const int64_t* times = number(env, a.v[1]) != 0 ? in->e.backwardTimes : in->e.forwardTimes;
  double* out = typedArray<double>(env, a.v[2]);
  for (int i = 0; i < in->e.stepCount; i++) out[i] = double(times[i]);
  return nullptr;
}

// measureMachine(isa, pool, milliseconds, megabytes, out: Float64Array [FLOP/s, bytes read/s, bytes copied/s]);
// without megabytes only the first
napi_value MeasureMachine(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  const KernelTable* kernels = tableOf(text(env, a.v[0]));
  Pool* pool = external<PoolHandle>(env, a.v[1])->pool.get();
  int64_t floats = int64_t(number(env, a.v[3])) << 18;
  double* out = typedArray<double>(env, a.v[4]);
  Arena arena;
  float *buffer = arena.make<float>(floats), *sinks = arena.make<float>(floats >> 14);
  if (!buffer || !sinks) return fail(env, "memory: not enough to measure its bandwidth");
  lockPool(pool);
  out[0] = kernels->fmaRate(pool, int64_t(number(env, a.v[2]) * 1e6));
  if (floats > 0) kernels->streamRates(pool, buffer, floats, sinks, out + 1, out + 2);
  unlockPool(pool);
  return nullptr;
}

// memory() -> [allocations so far, bytes held]
napi_value Memory(napi_env env, napi_callback_info) {
  napi_value out, value;
  CHECK(napi_create_array_with_length(env, 2, &out));
  CHECK(napi_create_double(env, double(allocations), &value));
  CHECK(napi_set_element(env, out, 0, value));
  CHECK(napi_create_double(env, double(allocatedBytes), &value));
  CHECK(napi_set_element(env, out, 1, value));
  return out;
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct { const char* name; napi_callback call; } functions[] = {
      {"isaLanes", IsaLanes}, {"createPool", CreatePool}, {"instantiate", Instantiate}, {"setBatch", SetBatch},
      {"forward", Forward}, {"backward", Backward}, {"losses", Losses}, {"read", Read},
      {"writeGradient", WriteGradient}, {"readArena", ReadArena}, {"dispose", Dispose}, {"updateSgd", UpdateSgd}, {"memory", Memory}, {"stepTimes", StepTimes},
      {"measureMachine", MeasureMachine}};
  for (const auto& f : functions) {
    napi_value value;
    if (napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.call, nullptr, &value) != napi_ok ||
        napi_set_named_property(env, exports, f.name, value) != napi_ok)
      return nullptr;
  }
  return exports;
}

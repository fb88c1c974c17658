// N-API binding: makes instances of encoded plans and runs them. TypeScript has checked everything; arguments are
// positional.
#include <node_api.h>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "crop.h"
#include "instance.h"
#include "isa.h"
#include "pool.h"

namespace {

using namespace igc;

struct PoolHandle {
  std::shared_ptr<Pool> pool;
};

// An instance with what it keeps alive: its threads and, through references, the model's arrays.
struct Bound : Instance {
  std::shared_ptr<Pool> pool;
  napi_ref arrays[3] = {};
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

// instantiate(isa, pool, program: Float64Array, parameters, gradients, state: Float32Array, poison) -> external
napi_value Instantiate(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto in = std::make_unique<Bound>();
  in->kernels = tableOf(text(env, a.v[0]));
  if (!in->kernels) return fail(env, "internal: instruction set not supported");
  in->pool = external<PoolHandle>(env, a.v[1])->pool;
  in->e.pool = in->pool.get();
  ModelArrays model{typedArray<float>(env, a.v[3]), typedArray<float>(env, a.v[4]), typedArray<float>(env, a.v[5])};
  if (!instantiate(*in, typedArray<double>(env, a.v[2]), model, number(env, a.v[6]) != 0))
    return fail(env, "memory: not enough for this network and batch, choose a smaller batch (-b)");
  for (int i = 0; i < 3; i++) CHECK(napi_create_reference(env, a.v[3 + i], 1, &in->arrays[i]));
  napi_value out;
  Bound* instance = in.release();
  auto finalize = [](napi_env env, void* p, void*) {
    auto* instance = static_cast<Bound*>(p);
    for (napi_ref ref : instance->arrays) if (ref) napi_delete_reference(env, ref);
    delete instance;
  };
  CHECK(napi_create_external(env, instance, finalize, nullptr, &out));
  return out;
}

// Holds the pool while a step runs; two JS threads may share one.
struct Turn {
  Pool* pool;
  explicit Turn(Instance* in) : pool(in->e.pool) { lockPool(pool); }
  ~Turn() { unlockPool(pool); }
};

// setBatch(instance, images, labels, count, partners, weights): the last two are empty for images of one class each
napi_value SetBatch(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  Turn turn(in);
  size_t mixed = 0;
  const auto* partners = typedArray<int32_t>(env, a.v[4], &mixed);
  in->kernels->setBatch(&in->e, typedArray<float>(env, a.v[1]), typedArray<int32_t>(env, a.v[2]), int(number(env, a.v[3])),
                        mixed ? partners : nullptr, typedArray<float>(env, a.v[5]));
  return nullptr;
}

napi_value Prepare(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  Turn turn(in);
  if (!in->e.training) in->kernels->prepare(&in->e);
  return nullptr;
}

napi_value Forward(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  in->e.oldWeight = number(env, a.v[1]);
  Turn turn(in);
  in->kernels->forward(&in->e);
  return nullptr;
}

// backward(instance, from, to): steps from − 1 … to
napi_value Backward(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  const int from = int(number(env, a.v[1])), to = int(number(env, a.v[2]));
  Turn turn(in);
  in->kernels->backward(&in->e, from, to);
  return nullptr;
}

// losses(instance, out: Float64Array)
napi_value Losses(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  std::memcpy(typedArray<double>(env, a.v[1]), in->e.losses, sizeof(double) * size_t(in->e.count));
  return nullptr;
}

// read(instance, tensor, gradient?, count, out: Float32Array)
napi_value Read(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  const Tensor& t = in->e.tensors[int(number(env, a.v[1]))];
  bool gradient = number(env, a.v[2]) != 0;
  auto read = gradient ? in->kernels->readGradient : in->kernels->readActivation;
  read(&in->e, t, int(number(env, a.v[3])), typedArray<float>(env, a.v[4]));
  return nullptr;
}

// writeGradient(instance, tensor, values)
napi_value WriteGradient(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  const Tensor& t = in->e.tensors[int(number(env, a.v[1]))];
  Turn turn(in);
  in->kernels->writeGradient(&in->e, t, typedArray<float>(env, a.v[2]));
  return nullptr;
}

// readArena(instance, gradients?, out)
napi_value ReadArena(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  bool gradients = number(env, a.v[1]) != 0;
  float* out = typedArray<float>(env, a.v[2]);
  if (gradients) std::memcpy(out, in->e.gradients, size_t(in->gradientSize) * sizeof(float));
  else in->kernels->copyActivations(&in->e, in->activationSize, out);
  return nullptr;
}

// Frees at once what the garbage collector would free some day.
napi_value Dispose(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Bound>(env, a.v[0]);
  in->arena.release();
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

// stepRuns(instance, backward?, out: Float64Array): nanoseconds of every step in the last pass, then its tasks
napi_value StepRuns(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  auto* in = external<Instance>(env, a.v[0]);
  const bool backward = number(env, a.v[1]) != 0;
  const int64_t* times = backward ? in->e.backwardTimes : in->e.forwardTimes;
  const int* tasks = backward ? in->e.backwardTasks : in->e.forwardTasks;
  double* out = typedArray<double>(env, a.v[2]);
  for (int i = 0; i < in->e.stepCount; i++) {
    out[i] = double(times[i]);
    out[in->e.stepCount + i] = tasks[i];
  }
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
  MemoryCount count = memoryCount();
  CHECK(napi_create_array_with_length(env, 2, &out));
  CHECK(napi_create_double(env, double(count.allocations), &value));
  CHECK(napi_set_element(env, out, 0, value));
  CHECK(napi_create_double(env, double(count.bytes), &value));
  CHECK(napi_set_element(env, out, 1, value));
  return out;
}

// applyCrop(pixels, numbers: Float64Array, out: Float32Array): numbers are width, height, left, top, stepX, stepY, flip,
// recolor, hue, saturation, lightness, scale[3], shift[3], place in out, H, W
napi_value ApplyCrop(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  const double* n = typedArray<double>(env, a.v[1]);
  Crop crop{typedArray<uint8_t>(env, a.v[0]), int(n[0]), int(n[1]), n[2], n[3], n[4], n[5], n[6] != 0, n[7] != 0,
            float(n[8]), float(n[9]), float(n[10]), {float(n[11]), float(n[12]), float(n[13])},
            {float(n[14]), float(n[15]), float(n[16])}, typedArray<float>(env, a.v[2]) + int64_t(n[17]), int(n[18]), int(n[19])};
  applyCrop(crop);
  return nullptr;
}

#ifndef _WIN32
// mapFile(path, offset, length) -> ArrayBuffer over those bytes of the file, or the number of the system's error.
// Private and writable: what JavaScript writes stays in this process. The offset is a multiple of a page.
napi_value MapFile(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  size_t n = 0;
  CHECK(napi_get_value_string_utf8(env, a.v[0], nullptr, 0, &n));
  std::string path(n + 1, 0);
  CHECK(napi_get_value_string_utf8(env, a.v[0], path.data(), n + 1, &n));
  const size_t length = size_t(number(env, a.v[2]));
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* data = MAP_FAILED;
  if (file >= 0) data = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, off_t(number(env, a.v[1])));
  const int error = errno;
  if (file >= 0) close(file);
  napi_value out;
  if (data == MAP_FAILED) {
    CHECK(napi_create_int32(env, error, &out));
    return out;
  }
  auto unmap = [](napi_env, void* data, void* length) { munmap(data, reinterpret_cast<size_t>(length)); };
  if (napi_create_external_arraybuffer(env, data, length, unmap, reinterpret_cast<void*>(length), &out) != napi_ok) {
    munmap(data, length);
    return fail(env, "internal: a mapped file could not be made an ArrayBuffer");
  }
  return out;
}
#endif

}  // namespace

NAPI_MODULE_INIT() {
  const struct { const char* name; napi_callback call; } functions[] = {
      {"isaLanes", IsaLanes}, {"createPool", CreatePool}, {"instantiate", Instantiate}, {"setBatch", SetBatch},
      {"prepare", Prepare}, {"forward", Forward}, {"backward", Backward}, {"losses", Losses}, {"read", Read},
      {"writeGradient", WriteGradient}, {"readArena", ReadArena}, {"dispose", Dispose}, {"updateSgd", UpdateSgd}, {"memory", Memory},
      {"stepRuns", StepRuns}, {"measureMachine", MeasureMachine}, {"applyCrop", ApplyCrop},
#ifndef _WIN32
      {"mapFile", MapFile},
#endif
  };
  for (const auto& f : functions) {
    napi_value value;
    if (napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.call, nullptr, &value) != napi_ok ||
        napi_set_named_property(env, exports, f.name, value) != napi_ok)
      return nullptr;
  }
  return exports;
}

// Checks the kernels of an architecture without Node: runs case files (test/slow/harness-case.ts writes them, in the
// order read here) and compares what comes out with what they say. harness <isa> <threads> <file>...
// A file is a run of doubles. A line per result that is off, and one with the worst NMSE; exits with 1 if any is.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "instance.h"
#include "isa.h"
#include "pool.h"

namespace {

using namespace igc;

[[noreturn]] void stop(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

std::vector<double> readFile(const char* path) {
  FILE* file = std::fopen(path, "rb");
  if (!file) stop(std::string(path) + ": cannot be opened");
  std::fseek(file, 0, SEEK_END);
  std::vector<double> values(size_t(std::ftell(file)) / sizeof(double));
  std::rewind(file);
  if (std::fread(values.data(), sizeof(double), values.size(), file) != values.size())
    stop(std::string(path) + ": cannot be read");
  std::fclose(file);
  return values;
}

struct Reader {
  const double* p;
  double real() { return *p++; }
  int integer() { return int(*p++); }
  // An array with its length before it.
  template <class T>
  std::vector<T> array() {
    int n = integer();
    std::vector<T> out(p, p + n);
    p += n;
    return out;
  }
};

// Sum of (got - want)^2 over sum of want^2; a NaN stays one.
double nmse(const std::vector<float>& got, const std::vector<double>& want) {
  double error = 0, power = 0;
  for (size_t i = 0; i < want.size(); i++) {
    double d = double(got[i]) - want[i];
    error += d * d;
    power += want[i] * want[i];
  }
  return error == 0 ? 0 : error / power;
}

enum Source { kTensor, kTensorGradient, kParameterGradients, kState, kLosses };

struct Model {
  std::vector<float> parameters, gradients, state;
};

// `size` numbers of a source; tensors have their number in `at`, arrays where the numbers begin.
std::vector<float> numbersOf(const Instance& in, const Model& model, int source, int at, size_t size) {
  std::vector<float> out(size);
  if (source == kTensor || source == kTensorGradient) {
    const Tensor& t = in.e.tensors[at];
    bool gradient = source == kTensorGradient;
    auto read = gradient ? in.kernels->readGradient : in.kernels->readActivation;
    read(&in.e, t, in.e.count, out.data());
    return out;
  }
  for (size_t i = 0; i < size; i++)
    out[i] = source == kLosses ? float(in.e.losses[i]) : (source == kState ? model.state : model.gradients)[size_t(at) + i];
  return out;
}

struct Summary {
  int results = 0, wrong = 0;
  double worst = 0;
};

void runCase(const char* path, const KernelTable* kernels, Pool* pool, Summary& summary) {
  std::vector<double> file = readFile(path);
  Reader r{file.data()};
  double tolerance = r.real(), oldWeight = r.real();
  std::vector<double> program = r.array<double>();
  Model model{r.array<float>(), {}, r.array<float>()};
  model.gradients.assign(model.parameters.size(), __builtin_nanf(""));
  std::vector<float> images = r.array<float>();
  std::vector<int32_t> labels = r.array<int32_t>(), partners = r.array<int32_t>();
  std::vector<float> weights = r.array<float>();
  std::vector<float> outputGradient = r.array<float>();
  Instance in;
  in.kernels = kernels;
  in.e.pool = pool;
  in.e.oldWeight = oldWeight;
  if (!instantiate(in, program.data(), {model.parameters.data(), model.gradients.data(), model.state.data()}, true))
    stop(std::string(path) + ": not enough memory");
  kernels->setBatch(&in.e, images.data(), labels.data(), int(labels.size()), partners.empty() ? nullptr : partners.data(),
                    weights.data());
  kernels->forward(&in.e);
  if (!outputGradient.empty()) {
    const Tensor& t = in.e.tensors[in.e.output];
    kernels->writeGradient(&in.e, t, outputGradient.data());
  }
  if (in.e.training) kernels->backward(&in.e, in.e.stepCount, 0);
  for (int i = 0, n = r.integer(); i < n; i++) {
    int source = r.integer(), at = r.integer();
    std::vector<double> want = r.array<double>();
    double error = nmse(numbersOf(in, model, source, at, want.size()), want);
    summary.results++;
    if (!(error <= summary.worst)) summary.worst = error;
    if (error <= tolerance) continue;
    summary.wrong++;
    std::printf("%s: result %d has an NMSE of %.1e\n", path, i, error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) stop("usage: harness <isa> <threads> <file>...");
  const KernelTable* kernels = tableOf(argv[1]);
  if (!kernels) stop(std::string("no ") + argv[1] + " here");
  Pool* pool = createPool(std::atoi(argv[2]));
  Summary summary;
  for (int i = 3; i < argc; i++) runCase(argv[i], kernels, pool, summary);
  destroyPool(pool);
  std::printf("%d results, %d wrong, worst NMSE %.1e\n", summary.results, summary.wrong, summary.worst);
  return summary.wrong > 0 ? 1 : 0;
}

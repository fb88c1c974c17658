// The kernels of an instruction set by its name, where this CPU has it and the program them (the harness has only
// what an architecture has without asking: IGC_ONLY_BASELINE). `-bfloat16` behind it: those that store activations so.
#pragma once
#include <string>

#include "engine.h"

namespace igc {

inline const KernelTable* tableOf(const std::string& isa) {
#if defined(__x86_64__) && !defined(IGC_ONLY_BASELINE)
  __builtin_cpu_init();
  bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  if (isa == "avx512" && avx512) return kernelsAvx512();
  if (isa == "avx512-bfloat16" && avx512) return kernelsAvx512Bfloat16();
  if (isa == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kernelsAvx2();
#endif
  // Compiled with what the architecture has without asking; that is NEON on arm64.
#if defined(__aarch64__)
  const char* baseline = "neon";
#else
  const char* baseline = "baseline";
#endif
  return isa == baseline ? kernelsBaseline() : nullptr;
}

}  // namespace igc

// The kernels of an instruction set by its name, where this CPU has it; `-bfloat16` behind it: activations stored so.
#pragma once
#include <string>

#include "engine.h"

namespace igc {

inline const KernelTable* tableOf(const std::string& isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  if (isa == "avx512" && avx512) return kernelsAvx512();
  if (isa == "avx512-bfloat16" && avx512) return kernelsAvx512Bfloat16();
  if (isa == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kernelsAvx2();
#endif
  return isa == "baseline" ? kernelsBaseline() : nullptr;
}

}  // namespace igc

// What the module has taken of its memory so far.
#pragma once
#include <cstdint>

namespace igc {
struct MemoryUse {
  int64_t allocations, bytes;
};
extern MemoryUse memoryUse;
}  // namespace igc

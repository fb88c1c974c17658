// A heap for wasm32 without a C library: free blocks in a list by address, the first that fits is taken, neighbours
// are joined. One thread allocates. Memory grows when it must, and is used again after a free.
#include "memory.h"

#include <cstdlib>

extern "C" unsigned char __heap_base;

namespace igc {

MemoryUse memoryUse{};

namespace {

constexpr size_t kUnit = 64, kPage = 65536;

// The head of a block takes a unit, so that what follows is aligned to one.
struct Block {
  size_t bytes;  // with the head
  Block* next;   // of the free ones
};

Block* freeBlocks = nullptr;

char* endOf(Block* block) { return (char*)block + block->bytes; }

void release(Block* block) {
  Block* before = nullptr;
  Block* after = freeBlocks;
  while (after && after < block) {
    before = after;
    after = after->next;
  }
  block->next = after;
  if (after && endOf(block) == (char*)after) {
    block->bytes += after->bytes;
    block->next = after->next;
  }
  if (!before) {
    freeBlocks = block;
  } else if (endOf(before) == (char*)block) {
    before->bytes += block->bytes;
    before->next = block->next;
  } else {
    before->next = block;
  }
}

// Hands [from, to) to the heap; a part of a unit at the end is left.
void addMemory(size_t from, size_t to) {
  Block* block = (Block*)((from + kUnit - 1) / kUnit * kUnit);
  block->bytes = (to - (size_t)block) / kUnit * kUnit;
  release(block);
}

bool grow(size_t bytes) {
  static bool began = false;
  if (!began) {
    began = true;
    size_t end = __builtin_wasm_memory_size(0) * kPage, base = (size_t)&__heap_base;
    if (end - base > 2 * kUnit) addMemory(base, end);
  }
  size_t pages = (bytes + kPage - 1) / kPage, had = __builtin_wasm_memory_grow(0, pages);
  if (had == size_t(-1)) return false;
  addMemory(had * kPage, (had + pages) * kPage);
  return true;
}

Block* takeFirst(size_t bytes) {
  for (Block** link = &freeBlocks; *link; link = &(*link)->next) {
    Block* block = *link;
    if (block->bytes < bytes) continue;
    if (block->bytes - bytes >= 2 * kUnit) {
      Block* rest = (Block*)((char*)block + bytes);
      rest->bytes = block->bytes - bytes;
      rest->next = block->next;
      block->bytes = bytes;
      *link = rest;
    } else {
      *link = block->next;
    }
    return block;
  }
  return nullptr;
}

}  // namespace
}  // namespace igc

namespace std {

using namespace igc;

// Alignments of more than a unit are not asked for here.
void* aligned_alloc(size_t, size_t wanted) {
  if (wanted > size_t(-1) - 2 * kUnit - kPage) return nullptr;
  size_t bytes = (wanted + kUnit - 1) / kUnit * kUnit + kUnit;
  Block* block = takeFirst(bytes);
  if (!block && grow(bytes)) block = takeFirst(bytes);
  if (!block) return nullptr;
  memoryUse.allocations++;
  memoryUse.bytes += int64_t(block->bytes);
  return (char*)block + kUnit;
}

void free(void* pointer) {
  if (!pointer) return;
  Block* block = (Block*)((char*)pointer - kUnit);
  memoryUse.bytes -= int64_t(block->bytes);
  release(block);
}

}  // namespace std

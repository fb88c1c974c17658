// Images cut into tiles, one a lane (src/plan/tiles.ts): what a kernel reads beyond its lane's tile is what other lanes
// of the image hold. A tile may reach beyond the image; what it holds there is never read.
#pragma once
#include "stored.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Rows of a map (or columns), the last excluded; may reach beyond it.
struct Rows {
  int lo, hi;
  INLINE int count() const { return hi - lo; }
};

INLINE VI splatIndex(int i) { return i - VI{}; }

// 0, 1, 2, ...
INLINE VI laneNumbers() {
  VI n;
  UNROLL for (int i = 0; i < LANES; i++) n[i] = i;
  return n;
}

// Lane l of the result is lane from[l] (mod LANES) of v.
INLINE V pickLanes(V v, VI from) {
#if defined(__wasm__)
  // Of the loop below clang makes a detour through memory.
  typedef int8_t Bytes __attribute__((vector_size(16)));
  static_assert(LANES == 4, "a vector of WebAssembly has 16 bytes");
  const VI bytes = (from & (LANES - 1)) * 0x04040404 + 0x03020100;
  return (V)__builtin_wasm_swizzle_i8x16((Bytes)v, (Bytes)bytes);
#elif defined(__clang__)
  V picked;
  for (int i = 0; i < LANES; i++) picked[i] = v[from[i] & (LANES - 1)];
  return picked;
#else
  return __builtin_shuffle(v, from);
#endif
}

INLINE V choose(VI mask, V a, V b) { return (V)(((VI)a & mask) | ((VI)b & ~mask)); }

// A quotient that rounds down.
INLINE int floorDiv(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// Where the tile of each lane begins in its image, and how far that reaches.
struct TileMap {
  VI row, column;
  int height, width;
  // Lanes that have row y (column x) of their tile's coordinates, which may lie in a neighbour, in the image.
  INLINE VI hasRow(int y) const {
    VI at = row + y;
    return (at >= 0) & (at < height);
  }
  INLINE VI hasColumn(int x) const {
    VI at = column + x;
    return (at >= 0) & (at < width);
  }
};
INLINE TileMap tileMap(const Executor& e, const Tensor& t) {
  const VI tile = laneNumbers() & (tilesOf(e) - 1), row = tile >> __builtin_ctz(e.gridColumns), column = tile & (e.gridColumns - 1);
  return {row * t.height, column * t.width, t.imageHeight, t.imageWidth};
}

// Rows and columns in the coordinates of each lane's tile.
struct TileRegion {
  Rows rows, columns;
  INLINE int64_t positions() const { return int64_t(rows.count()) * columns.count(); }
};

// Pixels of a region's row that come from the same lanes: `count` of a map from `source` on, lane l from lane from[l],
// where `there` says so.
struct TileRun {
  VI from, there;
  int64_t source;
  int count;
  bool moves;  // else they lie in their own lanes, all of them
};

// Runs that a region of a map is made of, row by row: what is the same for all channels is worked out once.
struct TileRuns {
  TileRun* run;
  int count;
};
INLINE bool sameLanes(VI a, VI b) {
  const VI differ = a ^ b;
  int any = 0;
  for (int i = 0; i < LANES; i++) any |= differ[i];
  return any == 0;
}

// A row has at most 2 runs for each tile that it touches.
INLINE int64_t mostRuns(const Tensor& t, const TileRegion& region) {
  const int right = floorDiv(region.columns.hi - 1, t.width) + 1, left = floorDiv(region.columns.lo, t.width);
  return int64_t(region.rows.count()) * (right - left) * 2;
}
INLINE int64_t runVectors(const Tensor& t, const TileRegion& region) {
  return mostRuns(t, region) * ceilDiv(int(sizeof(TileRun)), int(sizeof(V)));
}

inline TileRuns tileRuns(const Executor& e, const Tensor& t, const TileRegion& region, void* memory) {
  const TileMap map = tileMap(e, t);
  const VI lanes = laneNumbers(), all = splatIndex(-1);
  TileRun* at = (TileRun*)memory;
  for (int y = region.rows.lo; y < region.rows.hi; y++) {
    const int down = floorDiv(y, t.height);
    const int64_t row = int64_t(y - down * t.height) * t.width;
    const VI rowThere = map.hasRow(y);
    for (int x = region.columns.lo; x < region.columns.hi;) {
      const int right = floorDiv(x, t.width), first = right * t.width, shift = down * e.gridColumns + right;
      const VI there = rowThere & map.hasColumn(x);
      TileRun run{lanes + shift, there, row + x - first, 1, shift != 0 || !sameLanes(there, all)};
      const int end = minimum(region.columns.hi, first + t.width);
      while (++x < end && sameLanes(rowThere & map.hasColumn(x), there)) run.count++;
      *at++ = run;
    }
  }
  return {(TileRun*)memory, int(at - (TileRun*)memory)};
}

// Where one region of `count` channels is read and written.
struct TileChannels {
  const Stored* map;   // channel 0
  int64_t plane;
  const int* channel;
  int count;
  V* dst;
  int64_t stride;      // from one channel's region to the next's
};

// Regions through view(k), k the channel's number; `outside` where there is no image. Run by run, so that what is known
// of a run stays in registers.
template <class F>
INLINE void fillTiles(const TileRuns& runs, const TileChannels& c, V outside, F view) {
  V* to = c.dst;
  for (int r = 0; r < runs.count; r++) {
    const TileRun run = runs.run[r];
    const Stored* map = c.map + run.source;
    for (int k = 0; k < c.count; k++) {
      const Stored* from = map + c.channel[k] * c.plane;
      V* at = to + k * c.stride;
      if (!run.moves) for (int i = 0; i < run.count; i++) at[i] = view(k, from[i]);
      else for (int i = 0; i < run.count; i++) at[i] = choose(run.there, pickLanes(view(k, from[i]), run.from), outside);
    }
    to += run.count;
  }
}

inline void fillTiles(const Executor& e, const Tensor& in, int block, const TileRuns& runs, const int* channels, int count,
                      V outside, V* dst, int64_t stride) {
  const TileChannels c{activation(e, in, block, 0), in.plane, channels, count, dst, stride};
  if (in.bn < 0 && !in.relu) fillTiles(runs, c, outside, [](int, V x) { return x; });
  else fillTiles(runs, c, outside, [&](int k, V x) { return viewOf(e, in, block, channels[k])(x); });
}

// The sum of an image's lanes, in each of them.
INLINE V sumTiles(const Executor& e, V v) {
  for (int step = 1; step < tilesOf(e); step *= 2) v += pickLanes(v, laneNumbers() ^ step);
  return v;
}

// What a lane holds of the images behind `block`'s first: the image's number in the block, its first pixel there, and
// how many rows and columns of the tile are the image's.
struct LaneTile {
  int image;
  int64_t first;
  int rows, columns;
};
INLINE LaneTile laneTile(const Executor& e, const Tensor& t, int lane) {
  const int tile = lane % tilesOf(e), y = tile / e.gridColumns * t.height, x = tile % e.gridColumns * t.width;
  return {lane / tilesOf(e), int64_t(y) * t.imageWidth + x, maximum(0, minimum(t.height, t.imageHeight - y)),
          maximum(0, minimum(t.width, t.imageWidth - x))};
}
INLINE int64_t imagePositions(const Tensor& t) { return int64_t(t.imageHeight) * t.imageWidth; }

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

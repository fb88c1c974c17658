// Images cut into tiles, one a lane (src/plan/tiles.ts): what a kernel reads beyond its lane's tile is what other lanes
// of the image hold. A tile may reach beyond the image; what it holds there is never read.
#pragma once
#include "vector.h"

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
#if defined(__clang__)
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
  bool whole;  // the tiles cover the image and nothing else
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
  return {row * t.height, column * t.width, t.imageHeight, t.imageWidth,
          e.gridRows * t.height == t.imageHeight && e.gridColumns * t.width == t.imageWidth};
}

// A channel's rows and columns in the coordinates of each lane's tile, through its view; `outside` where there is no
// image.
struct TileRegion {
  Rows rows, columns;
};
inline void fillTile(const Executor& e, const Tensor& in, int block, int channel, TileRegion region, V outside, V* dst) {
  const View view = viewOf(e, in, block, channel);
  const V* src = plane(e.activations, in.offset, in, block, channel);
  const TileMap map = tileMap(e, in);
  const VI lanes = laneNumbers();
  for (int y = region.rows.lo; y < region.rows.hi; y++) {
    const int down = floorDiv(y, in.height);
    const V* row = src + int64_t(y - down * in.height) * in.width;
    const VI rowThere = map.hasRow(y);
    for (int x = region.columns.lo; x < region.columns.hi;) {
      const int right = floorDiv(x, in.width), first = right * in.width;
      const int end = minimum(region.columns.hi, first + in.width), shift = down * e.gridColumns + right;
      if (down == 0 && right == 0 && map.whole) {
        for (; x < end; x++) *dst++ = view(row[x]);
        continue;
      }
      const VI from = lanes + shift;
      for (; x < end; x++) {
        V v = shift == 0 ? row[x - first] : pickLanes(row[x - first], from);
        *dst++ = choose(rowThere & map.hasColumn(x), view(v), outside);
      }
    }
  }
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

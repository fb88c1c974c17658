// Strips: rows of a map in zero-padded scratch, filled from tensors through their views, or from the gradients of
// results that live in scratch only.
#pragma once
#include "batch-norm.h"
#include "tiles.h"

namespace igc {
namespace IGC_ISA {
namespace {

INLINE Rows inputRows(const Conv& c, Rows out) {
  return {out.lo * c.stride - c.padH, (out.hi - 1) * c.stride - c.padH + c.kernelH};
}
INLINE Rows inside(Rows rows, int height) { return {maximum(0, rows.lo), minimum(height, rows.hi)}; }

// Vectors between the planes of a scratch: odd, so that channels do not fall into the same cache sets.
INLINE int64_t odd(int64_t n) { return n | 1; }

// Width of a padded input row.
INLINE int inputCols(const Conv& c) {
  return maximum(c.inWidth + 2 * c.padW, (c.outWidth - 1) * c.stride + c.kernelW);
}
INLINE bool pointwise(const Conv& c) {
  return c.kernelH == 1 && c.kernelW == 1 && c.stride == 1 && c.padH == 0 && c.padW == 0;
}

// The transposed convolution needs K - 1 - pad zeros before the output's gradient.
INLINE int gradMargin(const Conv& c) { return maximum(0, c.kernelW - 1 - c.padW); }
INLINE int gradCols(const Conv& c) {
  return gradMargin(c) + maximum((c.outWidth - 1) * c.stride, c.inWidth - 1 + c.padW) + 1;
}
// Input rows that belong to output rows: together the strips cover every input row once.
INLINE Rows ownedInputRows(const Conv& c, Rows out) {
  return {minimum(c.inHeight, out.lo * c.stride),
          out.hi == c.outHeight ? c.inHeight : minimum(c.inHeight, out.hi * c.stride)};
}
// Rows of the stride-dilated output gradient that a strip's backward reads.
INLINE Rows gradientRows(const Conv& c, Rows out) {
  Rows in = ownedInputRows(c, out);
  return {minimum(in.lo + c.padH - (c.kernelH - 1), out.lo * c.stride),
          maximum(in.hi - 1 + c.padH, (out.hi - 1) * c.stride) + 1};
}

// What a convolution reads for rows of its input, in each lane's tile.
INLINE TileRegion inputRegion(const Conv& c, Rows rows) { return {rows, {-c.padW, inputCols(c) - c.padW}}; }

// A channel's rows, padded to `cols`, through its view. Never inlined: what is the same for all pixels stays in
// registers.
__attribute__((noinline)) void fillInput(const Executor& e, const Conv& c, const Tensor& in, int block, int channel, Rows rows, int cols,
                      V* dst) {
  View view = viewOf(e, in, block, channel);
  const Stored* src = activation(e, in, block, channel);
  for (int y = rows.lo; y < rows.hi; y++, dst += cols) {
    if (y < 0 || y >= in.height) {
      for (int x = 0; x < cols; x++) dst[x] = V{};
      continue;
    }
    const Stored* row = src + int64_t(y) * in.width;
    V* to = dst + c.padW;
    for (int x = 0; x < c.padW; x++) dst[x] = V{};
    if (view.affine && view.relu) for (int x = 0; x < in.width; x++) to[x] = rectify(multiplyAdd(row[x], view.scale, view.shift));
    else for (int x = 0; x < in.width; x++) to[x] = view(row[x]);
    for (int x = c.padW + in.width; x < cols; x++) dst[x] = V{};
  }
}

// Rows of a gradient, spread out by the stride: gradient(r, to) writes output row r.
template <class G>
INLINE void spreadGradient(const Conv& c, Rows rows, V* dst, G gradient) {
  int cols = gradCols(c), margin = gradMargin(c);
  for (int y = rows.lo; y < rows.hi; y++, dst += cols) {
    int r = y / c.stride;
    bool real = y >= 0 && y % c.stride == 0 && r < c.outHeight;
    if (!real || c.stride > 1) for (int x = 0; x < cols; x++) dst[x] = V{};
    if (!real) continue;
    if (c.stride == 1) {
      for (int x = 0; x < margin; x++) dst[x] = V{};
      for (int x = margin + c.outWidth; x < cols; x++) dst[x] = V{};
    }
    gradient(r, dst + margin);
  }
}

// The gradient of a stored output's raw values.
__attribute__((noinline)) void fillGradient(const Executor& e, const Conv& c, const Tensor& out, int block, int channel, Rows rows, V* dst) {
  const V* grad = plane(e.gradients, out.gradientOffset, out, block, channel);
  const Stored* value = activation(e, out, block, channel);
  if (out.bn < 0) {
    spreadGradient(c, rows, dst, [&](int r, V* to) {
      const V* g = grad + int64_t(r) * out.width;
      for (int x = 0; x < out.width; x++) to[x * c.stride] = g[x];
    });
    return;
  }
  BatchNormGradient back = batchNormGradient(e, e.batchNorms[out.bn], block, channel);
  spreadGradient(c, rows, dst, [&](int r, V* to) {
    const V* g = grad + int64_t(r) * out.width;
    const Stored* y = value + int64_t(r) * out.width;
    for (int x = 0; x < out.width; x++) to[x * c.stride] = back(g[x], y[x]);
  });
}

// How the gradient of a result that lives in scratch only lies in one block's planes [channel][y][x]: with the zeros
// around it that the convolution before it reads, where that one's stride is 1.
struct BetweenShape {
  int64_t plane;
  int rows, cols, top, left;
};
INLINE BetweenShape betweenShape(const Conv& c) {
  if (c.stride > 1) return {int64_t(c.outHeight) * c.outWidth, c.outHeight, c.outWidth, 0, 0};
  Rows rows = gradientRows(c, {0, c.outHeight});
  int cols = gradCols(c);
  return {odd(int64_t(rows.count()) * cols), rows.count(), cols, -rows.lo, gradMargin(c)};
}

// Spreads such a gradient out by the stride.
inline void fillBetween(const Conv& c, const V* between, int channel, Rows rows, V* dst) {
  const V* grad = between + channel * betweenShape(c).plane;
  spreadGradient(c, rows, dst, [&](int r, V* to) {
    const V* g = grad + int64_t(r) * c.outWidth;
    for (int x = 0; x < c.outWidth; x++) to[x * c.stride] = g[x];
  });
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

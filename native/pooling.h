// Average and max pools, of whole images and of images cut into tiles; split by (block, channel).
#pragma once
#include "steps.h"

namespace igc {
namespace IGC_ISA {
namespace {

inline void poolForwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  View view = viewOf(e, in, block, c);
  const Stored* x = activation(e, in, block, c);
  Stored* y = activation(e, out, block, c);
  V scale = splat(1.0f / float(s.kernelH * s.kernelW));
  for (int r = 0; r < out.height; r++)
    for (int q = 0; q < out.width; q++) {
      V sum{};
      for (int ky = 0; ky < s.kernelH; ky++)
        for (int kx = 0; kx < s.kernelW; kx++) sum += view(x[int64_t(r * s.stride + ky) * in.width + q * s.stride + kx]);
      (y++)->put(sum * scale);
    }
}

inline void poolBackwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  const V* g = plane(e.gradients, out.gradientOffset, out, block, c);
  V scale = splat(1.0f / float(s.kernelH * s.kernelW));
  contribute(e, s, 0, block, c, [&](int64_t i) {
    int y = int(i / in.width), x = int(i % in.width);
    int r0 = maximum(0, (y - s.kernelH + s.stride) / s.stride), r1 = minimum(out.height - 1, y / s.stride);
    int q0 = maximum(0, (x - s.kernelW + s.stride) / s.stride), q1 = minimum(out.width - 1, x / s.stride);
    V sum{};
    for (int r = r0; r <= r1; r++)
      for (int q = q0; q <= q1; q++) sum += g[int64_t(r) * out.width + q];
    return sum * scale;
  });
}

// The taps of window (r, q) that lie in the image: rows y0..y1, columns x0..x1, ends excluded.
struct Window {
  int y0, y1, x0, x1;
};
INLINE Window windowOf(const Step& s, const Tensor& in, int r, int q) {
  int y = r * s.stride - s.padH, x = q * s.stride - s.padW;
  return {maximum(0, y), minimum(in.height, y + s.kernelH), maximum(0, x), minimum(in.width, x + s.kernelW)};
}

// The largest value of each lane; a NaN wins, so that it is not lost. value(i): pixel i of the image.
template <class F>
INLINE V largest(const Window& w, int width, F value) {
  V best = value(w.y0 * width + w.x0);
  for (int y = w.y0; y < w.y1; y++)
    for (int x = w.x0; x < w.x1; x++) {
      V v = value(y * width + x);
      best = ((v > best) | (v != v)) ? v : best;
    }
  return best;
}

inline void maxPoolForwardTask(void* context, int task, int) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  View view = viewOf(e, in, block, c);
  const Stored* x = activation(e, in, block, c);
  Stored* y = activation(e, out, block, c);
  for (int r = 0; r < out.height; r++)
    for (int q = 0; q < out.width; q++)
      (y++)->put(largest(windowOf(s, in, r, q), in.width, [&](int i) { return view(x[i]); }));
}

// All that the windows over a lane's tile read, in the tile's coordinates.
INLINE TileRegion windowsOf(const Executor& e, const Step& s) {
  const Tensor& out = e.tensors[s.output];
  return {{-s.padH, (out.height - 1) * s.stride - s.padH + s.kernelH},
          {-s.padW, (out.width - 1) * s.stride - s.padW + s.kernelW}};
}

// A channel's region at `memory`.
INLINE const V* filledTile(const Executor& e, const Tensor& in, int block, int channel, const TileRegion& region, V outside,
                           V* memory) {
  const TileRuns runs = tileRuns(e, in, region, memory + region.positions());
  fillTiles(e, in, block, runs, &channel, 1, outside, memory, 0);
  return memory;
}

// The average of all of an image, in each of its lanes.
inline void averageImage(const Executor& e, const Tensor& in, int block, int channel, Stored* y) {
  const View view = viewOf(e, in, block, channel);
  const TileMap map = tileMap(e, in);
  const Stored* x = activation(e, in, block, channel);
  V sum{};
  for (int r = 0; r < in.height; r++)
    for (int q = 0; q < in.width; q++) sum += choose(map.hasRow(r) & map.hasColumn(q), view(*x++), V{});
  y->put(sumTiles(e, sum) * splat(1.0f / float(imagePositions(in))));
}

inline void averageTilesTask(void* context, int task, int worker) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  Stored* y = activation(e, out, block, c);
  if (s.kernelH == in.imageHeight && s.kernelW == in.imageWidth) return averageImage(e, in, block, c, y);
  const TileRegion region = windowsOf(e, s);
  const V* x = filledTile(e, in, block, c, region, V{}, (V*)e.scratch[worker]);
  const V scale = splat(1.0f / float(s.kernelH * s.kernelW));
  for (int r = 0; r < out.height; r++)
    for (int q = 0; q < out.width; q++) {
      V sum{};
      for (int ky = 0; ky < s.kernelH; ky++)
        for (int kx = 0; kx < s.kernelW; kx++) sum += x[(r * s.stride + ky) * region.columns.count() + q * s.stride + kx];
      (y++)->put(sum * scale);
    }
}

inline void maxPoolTilesTask(void* context, int task, int worker) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  const TileRegion region = windowsOf(e, s);
  const V* x = filledTile(e, in, block, c, region, splat(-__builtin_inff()), (V*)e.scratch[worker]);
  Stored* y = activation(e, out, block, c);
  for (int r = 0; r < out.height; r++)
    for (int q = 0; q < out.width; q++) {
      const int top = r * s.stride, left = q * s.stride;
      (y++)->put(largest({top, top + s.kernelH, left, left + s.kernelW}, region.columns.count(), [&](int i) { return x[i]; }));
    }
}

// Floats of scratch that a step needs: what the windows of a tile read, or in backward view(in) and its gradient, one
// channel of one block.
inline int64_t poolScratch(const Executor& e, const Step& s) {
  if (s.kind != kMaxPool && s.kind != kAveragePool) return 0;
  if (trains(e)) return s.kind == kMaxPool ? 2 * positions(e.tensors[s.inputs[0]]) * LANES : 0;
  const TileRegion region = windowsOf(e, s);
  return tilesOf(e) > 1 ? (region.positions() + runVectors(e.tensors[s.inputs[0]], region)) * LANES : 0;
}

// Each window hands its gradient to the first of its largest values.
inline void maxPoolBackwardTask(void* context, int task, int worker) {
  PlaneTask& job = *static_cast<PlaneTask*>(context);
  Executor& e = *job.e;
  const Step& s = *job.s;
  int block = task / job.channels, c = task % job.channels;
  const Tensor &in = e.tensors[s.inputs[0]], &out = e.tensors[s.output];
  if (s.mode[0] == kNone) return;
  View view = viewOf(e, in, block, c);
  const Stored* x = activation(e, in, block, c);
  const V* g = plane(e.gradients, out.gradientOffset, out, block, c);
  int64_t n = positions(in);
  V *seen = (V*)e.scratch[worker], *d = seen + n;
  for (int64_t i = 0; i < n; i++) seen[i] = view(x[i]), d[i] = V{};
  for (int r = 0; r < out.height; r++)
    for (int q = 0; q < out.width; q++) {
      Window w = windowOf(s, in, r, q);
      V best = largest(w, in.width, [&](int i) { return seen[i]; }), left = *g++;
      for (int y = w.y0; y < w.y1; y++)
        for (int x = w.x0; x < w.x1; x++) {
          int i = y * in.width + x;
          VI first = seen[i] == best;
          d[i] += first ? left : V{};
          left = first ? V{} : left;
        }
    }
  contribute(e, s, 0, block, c, [&](int64_t i) { return d[i]; });
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

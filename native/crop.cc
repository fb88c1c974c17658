#include "crop.h"

#include <algorithm>
#include <cmath>
#include <vector>

// Compiled for several instruction sets; the loader takes the best that the CPU has.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define EVERY_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EVERY_CPU
#endif
#define INLINE inline __attribute__((always_inline))

namespace igc {
namespace {

// For one axis: output i = sum over k < length[i] of weights[offset[i] + k] * input[first[i] + k].
struct Taps {
  std::vector<int> first, length, offset;
  std::vector<float> weights;
};

Taps makeTaps(int source, int target, double start, double step) {
  Taps taps;
  const double support = std::max(1.0, step);
  std::vector<double> raw;
  for (int i = 0; i < target; i++) {
    const double centre = start + (i + 0.5) * step;
    const int from = std::min<double>(source - 1, std::max(0.0, std::floor(centre - support + 0.5)));
    const int to = std::min<double>(source, std::max(from + 1.0, std::floor(centre + support + 0.5)));
    raw.clear();
    double sum = 0;
    for (int k = from; k < to; k++) {
      raw.push_back(std::max(0.0, 1 - std::fabs(k + 0.5 - centre) / support));
      sum += raw.back();
    }
    taps.first.push_back(from);
    taps.length.push_back(to - from);
    taps.offset.push_back(int(taps.weights.size()));
    for (double weight : raw) taps.weights.push_back(float(weight / sum));
  }
  return taps;
}

// blended[i] = sum over k of weights[k] * rows[k * stride + i]
EVERY_CPU void blendRows(float* blended, const uint8_t* rows, int stride, const float* weights, int taps, int n) {
  for (int i = 0; i < n; i++) blended[i] = weights[0] * rows[i];
  for (int k = 1; k < taps; k++) {
    const uint8_t* row = rows + int64_t(k) * stride;
    for (int i = 0; i < n; i++) blended[i] += weights[k] * row[i];
  }
}

// blended: of pixels from column `from` on; planes: red, green, blue
void blendColumns(float* red, float* green, float* blue, const float* blended, const Taps& taps, int from, int n) {
  for (int x = 0; x < n; x++) {
    const float* at = blended + 3 * (taps.first[x] - from);
    const float* weight = &taps.weights[taps.offset[x]];
    float r = 0, g = 0, b = 0;
    for (int k = 0; k < taps.length[x]; k++, at += 3) {
      r += weight[k] * at[0];
      g += weight[k] * at[1];
      b += weight[k] * at[2];
    }
    red[x] = r;
    green[x] = g;
    blue[x] = b;
  }
}

INLINE float clamp(float value, float most) { return value < 0 ? 0 : value > most ? most : value; }
INLINE float wave(float place) {
  const float k = place >= 12 ? place - 12 : place;
  const float slope = k - 3 < 9 - k ? k - 3 : 9 - k;
  return slope < -1 ? -1 : slope > 1 ? 1 : slope;
}

// src/data/batches/color.ts
EVERY_CPU void shiftColors(float* __restrict red, float* __restrict green, float* __restrict blue, const Crop& crop, int n) {
  const float hueShift = crop.hue, saturationShift = crop.saturation, lightnessShift = crop.lightness;
  for (int i = 0; i < n; i++) {
    const float r = red[i] / 255, g = green[i] / 255, b = blue[i] / 255;
    const float top = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const float bottom = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const float range = top - bottom, sum = top + bottom;
    const float safe = range > 0 ? range : 1;
    float lightness = sum / 2;
    const float whole = lightness < 0.5f ? sum : 2 - sum;
    float saturation = range > 0 ? range / (whole > 0 ? whole : 1) : 0;
    float hue = top == r ? (g - b) / safe : top == g ? 2 + (b - r) / safe : 4 + (r - g) / safe;
    hue = hue < 0 ? hue + 6 : hue;
    hue = range > 0 ? hue : 0;
    hue = clamp(hue + hueShift, 6);
    saturation = clamp(saturation + saturationShift, 1);
    lightness = clamp(lightness + lightnessShift, 1);
    const float a = 255 * saturation * (lightness < 0.5f ? lightness : 1 - lightness), middle = 255 * lightness;
    red[i] = middle - a * wave(2 * hue);
    green[i] = middle - a * wave(2 * hue + 8);
    blue[i] = middle - a * wave(2 * hue + 4);
  }
}

EVERY_CPU void writePlane(float* __restrict out, const float* __restrict in, float scale, float shift, bool flip, int n) {
  if (flip) for (int x = 0; x < n; x++) out[n - 1 - x] = scale * in[x] - shift;
  else for (int x = 0; x < n; x++) out[x] = scale * in[x] - shift;
}

}  // namespace

void applyCrop(const Crop& crop) {
  const int width = crop.outWidth, height = crop.outHeight;
  const Taps columns = makeTaps(crop.width, width, crop.left, crop.stepX);
  const Taps rows = makeTaps(crop.height, height, crop.top, crop.stepY);
  const int from = columns.first[0], to = columns.first[width - 1] + columns.length[width - 1];
  std::vector<float> blended(3 * (to - from)), planes(3 * width);
  float* plane[3] = {planes.data(), planes.data() + width, planes.data() + 2 * width};
  for (int y = 0; y < height; y++) {
    const uint8_t* first = crop.pixels + 3 * (int64_t(rows.first[y]) * crop.width + from);
    blendRows(blended.data(), first, 3 * crop.width, &rows.weights[rows.offset[y]], rows.length[y], int(blended.size()));
    blendColumns(plane[0], plane[1], plane[2], blended.data(), columns, from, width);
    if (crop.recolor) shiftColors(plane[0], plane[1], plane[2], crop, width);
    for (int c = 0; c < 3; c++) {
      writePlane(crop.out + (int64_t(c) * height + y) * width, plane[c], crop.scale[c], crop.shift[c], crop.flip, width);
    }
  }
}

}  // namespace igc

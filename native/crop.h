// One crop of a decoded image, resampled, recoloured and normalised: what src/data/batches/resized-crop.ts defines,
// for its speed. Letters: H height and W width of the crop.
#pragma once
#include <cstdint>

namespace igc {

struct Crop {
  const uint8_t* pixels;  // [height][width][3]
  int width, height;
  double left, top, stepX, stepY;
  bool flip, recolor;
  float hue, saturation, lightness;  // shifts: sixths of the circle, shares of 1
  float scale[3], shift[3];          // out = scale * value - shift
  float* out;                        // [3][H][W]
  int outHeight, outWidth;
};

void applyCrop(const Crop&);

}  // namespace igc

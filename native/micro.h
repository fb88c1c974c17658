// The register tiles that all convolutions are made of. Letters: OB outputs x P pixels (or JB columns) are held
// in registers; I inputs of a group; KH, KW kernel; weights are packed [output block][i][ky][kx][OB].
#pragma once
#include "vector.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Registers: 32 with AVX-512 and NEON, else 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kMaxOutputs = 4;
constexpr int kPixelsWide = 4, kPixelsNarrow = 8;  // with 3-4 outputs, with 1-2
constexpr int kGradOutputs = 4, kGradColumns = 6, kGrad9Outputs = 2;
#else
constexpr int kMaxOutputs = 4;
constexpr int kPixelsWide = 2, kPixelsNarrow = 4;
constexpr int kGradOutputs = 2, kGradColumns = 4, kGrad9Outputs = 1;
#endif

// A convolution over one group of a strip in scratch. All strides in vectors.
struct StripConv {
  const V* x;
  const int* channel;  // [I] where each input's plane starts
  int inputs, kernelH, kernelW;
  int64_t rowStride;         // between scratch rows
  int64_t rowStep, colStep;  // between output rows, columns
  const float* weights;      // packed
};

// Outputs of block k when n outputs are dealt into blocks as evenly as possible.
INLINE int outputBlocks(int n) { return ceilDiv(n, kMaxOutputs); }
INLINE int blockStart(int n, int k) {
  int count = outputBlocks(n), base = n / count, extra = n % count;
  return k * base + minimum(k, extra);
}

// A 3-wide kernel at stride 1: every loaded vector feeds up to three taps.
template <int OB, int P>
INLINE void accumulate3(const StripConv& k, const V* x, const float* w, V (&a)[OB][P]) {
  for (int i = 0; i < k.inputs; i++) {
    const V* row = x + k.channel[i];
    for (int ky = 0; ky < k.kernelH; ky++, row += k.rowStride, w += 3 * OB) {
      V w0[OB], w1[OB], w2[OB];
      UNROLL for (int o = 0; o < OB; o++) {
        w0[o] = splat(w[o]);
        w1[o] = splat(w[OB + o]);
        w2[o] = splat(w[2 * OB + o]);
      }
      UNROLL for (int p = 0; p < P + 2; p++) {
        V v = row[p];
        UNROLL for (int o = 0; o < OB; o++) {
          if (p < P) a[o][p] = multiplyAdd(v, w0[o], a[o][p]);
          if (p >= 1 && p <= P) a[o][p - 1] = multiplyAdd(v, w1[o], a[o][p - 1]);
          if (p >= 2) a[o][p - 2] = multiplyAdd(v, w2[o], a[o][p - 2]);
        }
      }
    }
  }
}

// Any kernel and stride, tap by tap.
template <int OB, int P>
INLINE void accumulateTaps(const StripConv& k, const V* x, const float* w, V (&a)[OB][P]) {
  int64_t step = k.colStep;
  for (int i = 0; i < k.inputs; i++) {
    const V* row = x + k.channel[i];
    for (int ky = 0; ky < k.kernelH; ky++, row += k.rowStride) {
      for (int kx = 0; kx < k.kernelW; kx++, w += OB) {
        UNROLL for (int p = 0; p < P; p++) {
          V v = row[kx + p * step];
          UNROLL for (int o = 0; o < OB; o++) a[o][p] = multiplyAdd(v, splat(w[o]), a[o][p]);
        }
      }
    }
  }
}

// A 1x1 kernel at stride 1.
template <int OB, int P>
INLINE void accumulate1(const StripConv& k, const V* x, const float* w, V (&a)[OB][P]) {
  for (int i = 0; i < k.inputs; i++, w += OB) {
    const V* row = x + k.channel[i];
    V v[P];
    UNROLL for (int p = 0; p < P; p++) v[p] = row[p];
    UNROLL for (int o = 0; o < OB; o++) {
      V wo = splat(w[o]);
      UNROLL for (int p = 0; p < P; p++) a[o][p] = multiplyAdd(v[p], wo, a[o][p]);
    }
  }
}

// OB outputs from o on, over the pixels [c, end) of one row, P at a time.
template <int OB, int P, class Out>
__attribute__((noinline)) void tiles(const StripConv& k, const float* w, int o, int r, int c, int end, Out& out) {
  typename Out::Sums sums[OB];
  UNROLL for (int i = 0; i < OB; i++) sums[i] = out.load(o + i);
  const V* x = k.x + r * k.rowStep + c * k.colStep;
  for (; c + P <= end; c += P, x += P * k.colStep) {
    V a[OB][P];
    UNROLL for (int i = 0; i < OB; i++) UNROLL for (int p = 0; p < P; p++) a[i][p] = V{};
    if (k.colStep == 1 && k.kernelW == 3) accumulate3<OB, P>(k, x, w, a);
    else if (k.colStep == 1 && k.kernelW == 1 && k.kernelH == 1) accumulate1<OB, P>(k, x, w, a);
    else accumulateTaps<OB, P>(k, x, w, a);
    UNROLL for (int i = 0; i < OB; i++) out.template store<P>(o + i, r, c, a[i], sums[i]);
  }
  UNROLL for (int i = 0; i < OB; i++) out.save(o + i, sums[i]);
}

template <int OB, class Out>
INLINE void tilesOfRow(const StripConv& k, const float* w, int o, int r, int c, int end, Out& out) {
  constexpr int P = OB > 2 ? kPixelsWide : kPixelsNarrow;
  int whole = c + (end - c) / P * P;
  if (whole > c) tiles<OB, P>(k, w, o, r, c, whole, out);
  if (whole < end) tiles<OB, 1>(k, w, o, r, whole, end, out);
}

// Pixels after which the next outputs take their turn: their inputs stay in L1, and the results of one output
// are written in runs.
constexpr int kChunk = 16;

// All outputs of a group over rows x cols.
template <class Out>
void convolve(const StripConv& k, int outputs, int rows, int cols, Out& out) {
  int taps = k.inputs * k.kernelH * k.kernelW, count = outputBlocks(outputs);
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < cols; c += kChunk) {
      int end = minimum(cols, c + kChunk);
      const float* w = k.weights;
      for (int b = 0; b < count; b++) {
        int o = blockStart(outputs, b), width = blockStart(outputs, b + 1) - o;
        switch (width) {
          case 4: tilesOfRow<4>(k, w, o, r, c, end, out); break;
          case 3: tilesOfRow<3>(k, w, o, r, c, end, out); break;
          case 2: tilesOfRow<2>(k, w, o, r, c, end, out); break;
          default: tilesOfRow<1>(k, w, o, r, c, end, out);
        }
        w += taps * width;
      }
    }
  }
}

// The order in which convolve reads weights.
inline void packWeights(float* packed, const float* w, int outputs, int64_t outStride, int inputs, int64_t inStride,
                        int taps, bool flip) {
  for (int b = 0; b < outputBlocks(outputs); b++) {
    int o = blockStart(outputs, b), end = blockStart(outputs, b + 1);
    for (int i = 0; i < inputs; i++)
      for (int t = 0; t < taps; t++)
        for (int k = o; k < end; k++) *packed++ = w[k * outStride + i * inStride + (flip ? taps - 1 - t : t)];
  }
}

// dW of one group over a strip: columns j = (i, ky, kx), each a place in the scratch of x.
struct StripGradient {
  const V* x;
  int64_t rowStep, colStep;    // x, between output rows and columns
  const V* g;
  int64_t gradChannel, gradRow, gradCol;  // strides of g
  int rows, cols;
};

template <int N>
INLINE void putSums(const float* sums, bool add, float* out) {
  if (add) for (int i = 0; i < N; i++) out[i] += sums[i];
  else for (int i = 0; i < N; i++) out[i] = sums[i];
}

template <int OB, int JB>
__attribute__((noinline)) void gradientTile(const StripGradient& k, const V* g, const int* column, bool add, float* out, int64_t outStride) {
  V a[OB * JB];
  UNROLL for (int i = 0; i < OB * JB; i++) a[i] = V{};
  const V* xc[JB];
  UNROLL for (int j = 0; j < JB; j++) xc[j] = k.x + column[j];
  for (int r = 0; r < k.rows; r++) {
    int64_t xi = r * k.rowStep;
    const V* gp = g + r * k.gradRow;
    for (int c = 0; c < k.cols; c++, xi += k.colStep, gp += k.gradCol) {
      V go[OB];
      UNROLL for (int o = 0; o < OB; o++) go[o] = gp[o * k.gradChannel];
      UNROLL for (int j = 0; j < JB; j++) {
        V v = xc[j][xi];
        UNROLL for (int o = 0; o < OB; o++) a[o * JB + j] = multiplyAdd(go[o], v, a[o * JB + j]);
      }
    }
  }
  float sums[OB * JB];
  reduceLanes<OB * JB>(a, sums);
  for (int o = 0; o < OB; o++) putSums<JB>(sums + o * JB, add, out + o * outStride);
}

// The nine taps of one input of a 3x3 kernel.
template <int OB>
__attribute__((noinline)) void gradientTile9(const StripGradient& k, const V* g, int column, int64_t rowStride, bool add, float* out, int64_t outStride) {
  V a[OB * 9];
  UNROLL for (int i = 0; i < OB * 9; i++) a[i] = V{};
  for (int r = 0; r < k.rows; r++) {
    const V *x0 = k.x + column + r * k.rowStep, *x1 = x0 + rowStride, *x2 = x1 + rowStride;
    const V* gp = g + r * k.gradRow;
    for (int c = 0; c < k.cols; c++) {
      V go[OB];
      UNROLL for (int o = 0; o < OB; o++) go[o] = gp[o * k.gradChannel];
      UNROLL for (int t = 0; t < 9; t++) {
        V v = (t < 3 ? x0 : t < 6 ? x1 : x2)[t % 3];
        UNROLL for (int o = 0; o < OB; o++) a[o * 9 + t] = multiplyAdd(go[o], v, a[o * 9 + t]);
      }
      x0 += k.colStep; x1 += k.colStep; x2 += k.colStep;
      gp += k.gradCol;
    }
  }
  float sums[OB * 9];
  reduceLanes<OB * 9>(a, sums);
  for (int o = 0; o < OB; o++) putSums<9>(sums + o * 9, add, out + o * outStride);
}

template <int OB>
INLINE void gradientColumns(const StripGradient& k, const V* g, const int* columns, int count, bool add, float* out) {
  int j = 0;
  for (; j + kGradColumns <= count; j += kGradColumns) gradientTile<OB, kGradColumns>(k, g, columns + j, add, out + j, count);
  for (; j + 2 <= count; j += 2) gradientTile<OB, 2>(k, g, columns + j, add, out + j, count);
  for (; j < count; j++) gradientTile<OB, 1>(k, g, columns + j, add, out + j, count);
}

// out[o][column] for all outputs and columns of a group; out is written, or added to.
inline void weightGradient(const StripGradient& k, int outputs, const int* columns, int count, bool nine,
                           int64_t rowStride, bool add, float* out) {
  for (int o = 0; o < outputs;) {
    const V* g = k.g + o * k.gradChannel;
    float* to = out + int64_t(o) * count;
    if (nine) {
      bool many = o + kGrad9Outputs <= outputs;
      for (int j = 0; j < count; j += 9) {
        if (many) gradientTile9<kGrad9Outputs>(k, g, columns[j], rowStride, add, to + j, count);
        else gradientTile9<1>(k, g, columns[j], rowStride, add, to + j, count);
      }
      o += many ? kGrad9Outputs : 1;
    } else if (o + kGradOutputs <= outputs) {
      gradientColumns<kGradOutputs>(k, g, columns, count, add, to);
      o += kGradOutputs;
    } else {
      gradientColumns<1>(k, g, columns, count, add, to);
      o += 1;
    }
  }
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

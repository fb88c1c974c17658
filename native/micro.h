// The register tiles that all convolutions are made of. Letters: OB outputs x P pixels (or JB columns) are held
// in registers; I inputs of a group; KH, KW kernel; weights are packed [output block][i][ky][kx][OB].
#pragma once
#include "stored.h"

namespace igc {
namespace IGC_ISA {
namespace {

// Registers: 32 with AVX-512 and NEON, else 16; an engine of WebAssembly keeps one or two for itself. Only 32 hold the
// weights of three taps; else each is read again where it is used.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kMaxOutputs = 4;
constexpr int kPixelsWide = 4, kPixelsNarrow = 8;  // with 3-4 outputs, with 1-2
constexpr int kPixelsRows3 = 4;                      // with 3-4 outputs of tiles for 3-wide kernels alone
constexpr int kGradOutputs = 4, kGradColumns = 6, kGrad9Outputs = 2;
constexpr bool kKeepTaps = true;
#else
constexpr int kMaxOutputs = 4;
constexpr int kPixelsWide = 2, kPixelsNarrow = 4;
#if defined(__wasm__)
constexpr int kPixelsRows3 = 4;
#else
constexpr int kPixelsRows3 = 2;
#endif
constexpr int kGradOutputs = 2, kGradColumns = 4, kGrad9Outputs = 1;
constexpr bool kKeepTaps = false;
#endif

// Whether tiles are compiled for each kind of kernel alone. An engine of WebAssembly lays out registers for all branches
// of a function at once, and spills what the others need.
#if defined(__wasm__)
constexpr bool kTilesByKernel = true;
#else
constexpr bool kTilesByKernel = false;
#endif

// Memory that will be needed soon, asked for a few lines at each call of a register tile: the same bytes of some
// channels, one channel after the other.
struct Ahead {
  const char* base;    // in channel 0
  const int* channel;
  int channels;
  int64_t planeBytes, lines, next, perCall;
};
struct Requests {
  static constexpr int kLine = 64, kMost = 4;
  Ahead list[kMost];
  int count = 0;
  // `vectors` of each channel, in equal parts over so many calls.
  template <class T>
  INLINE void add(const T* base, const int* channel, int channels, int64_t planeSize, int64_t vectors, int64_t calls) {
    int64_t size = sizeof(T), lines = (vectors * size + kLine - 1) / kLine;
    list[count++] = {(const char*)base, channel, channels, planeSize * size, lines, 0, lines * channels / calls + 1};
  }
  INLINE void ask() {
#if !defined(__wasm__)
    for (int i = 0; i < count; i++) askFor(list[i]);
#endif
  }
  static INLINE void askFor(Ahead& a) {
    for (int64_t n = a.perCall; a.channels > 0 && n > 0;) {
      const char* at = a.base + a.channel[0] * a.planeBytes + a.next * kLine;
      int64_t now = a.lines - a.next < n ? a.lines - a.next : n;
      for (int64_t i = 0; i < now; i++) __builtin_prefetch(at + i * kLine, 0, 2);
      n -= now;
      a.next += now;
      if (a.next < a.lines) continue;
      a.next = 0;
      a.channel++;
      a.channels--;
    }
  }
};

// A convolution over one group of a strip. All strides in vectors.
struct StripConv {
  const V* x;          // padded scratch, or null
  const int* channel;  // [I] where each input's plane starts
  int inputs, kernelH, kernelW;
  int64_t rowStride;         // between input rows
  int64_t rowStep, colStep;  // between output rows, columns
  const float* weights;      // packed
  // Instead of x a tensor's map: its size, the row that output row 0 begins with, and what it is seen through, by
  // channel, or null.
  const Stored* map;
  int height, width, firstRow;
  const float *scale, *shift;
  const int* source;         // [I] channels
  Requests* requests;        // or null
  int fromBlock, toBlock;    // blocks of outputs; toBlock 0: all
  bool halves;               // half a tile for what is left of a row: tiles of images are narrow
};

// Outputs of block k when n outputs are dealt into blocks as evenly as possible.
INLINE int outputBlocks(int n) { return ceilDiv(n, kMaxOutputs); }
INLINE int blockStart(int n, int k) {
  int count = outputBlocks(n), base = n / count, extra = n % count;
  return k * base + minimum(k, extra);
}

// One row of a 3-wide kernel at stride 1: every vector, from(0) to from(P + 1), feeds up to three taps.
template <int OB, int P, class From>
INLINE void addRow3(const float* w, V (&a)[OB][P], From from) {
  if (!kKeepTaps) {
    V v[P + 2];
    UNROLL for (int p = 0; p < P + 2; p++) v[p] = from(p);
    UNROLL for (int t = 0; t < 3; t++) UNROLL for (int o = 0; o < OB; o++) {
      V wo = splat(w[t * OB + o]);
      UNROLL for (int p = 0; p < P; p++) a[o][p] = multiplyAdd(v[p + t], wo, a[o][p]);
    }
    return;
  }
  V w0[OB], w1[OB], w2[OB];
  UNROLL for (int o = 0; o < OB; o++) {
    w0[o] = splat(w[o]);
    w1[o] = splat(w[OB + o]);
    w2[o] = splat(w[2 * OB + o]);
  }
  UNROLL for (int p = 0; p < P + 2; p++) {
    V v = from(p);
    UNROLL for (int o = 0; o < OB; o++) {
      if (p < P) a[o][p] = multiplyAdd(v, w0[o], a[o][p]);
      if (p >= 1 && p <= P) a[o][p - 1] = multiplyAdd(v, w1[o], a[o][p - 1]);
      if (p >= 2) a[o][p - 2] = multiplyAdd(v, w2[o], a[o][p - 2]);
    }
  }
}

// A 3-wide kernel at stride 1.
template <int OB, int P>
INLINE void accumulate3(const StripConv& k, const V* x, const float* w, V (&a)[OB][P]) {
  for (int i = 0; i < k.inputs; i++) {
    const V* row = x + k.channel[i];
    for (int ky = 0; ky < k.kernelH; ky++, row += k.rowStride, w += 3 * OB)
      addRow3<OB, P>(w, a, [&](int p) { return row[p]; });
  }
}

// The same from a tensor's map, whose padding of one column is not there, seen through its batch norm and ReLU.
template <int OB, int P, bool VIEW>
INLINE void accumulateMap3(const StripConv& k, int r, int c, const float* w, V (&a)[OB][P]) {
  const bool left = c == 0, right = c + P == k.width;
  const int top = k.firstRow + r, first = maximum(0, -top), end = minimum(k.kernelH, k.height - top);
  for (int i = 0; i < k.inputs; i++) {
    V scale{}, shift{};
    if (VIEW) {
      scale = splat(k.scale[k.source[i]]);
      shift = splat(k.shift[k.source[i]]);
    }
    const Stored* row = k.map + k.channel[i] + c - 1 + (top + first) * k.rowStride;
    w += first * 3 * OB;
    for (int ky = first; ky < end; ky++, w += 3 * OB, row += k.rowStride) {
      addRow3<OB, P>(w, a, [&](int p) {
        if ((p == 0 && left) || (p == P + 1 && right)) return V{};
        return VIEW ? rectify(multiplyAdd(row[p], scale, shift)) : V(row[p]);
      });
    }
    w += (k.kernelH - end) * 3 * OB;
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

// Where the input of a convolution lies: padded scratch (of a 3-wide and of a 1x1 kernel at stride 1 where tiles are
// compiled for each), or a tensor's map, as it is or normalised and rectified.
enum InputKind { kScratch, kScratch3, kScratch1, kMap, kSeenMap };
INLINE constexpr bool readsMap(int input) { return input == kMap || input == kSeenMap; }
INLINE constexpr bool readsRows3(int input) { return readsMap(input) || input == kScratch3; }

template <int OB, int P, int INPUT>
INLINE void accumulate(const StripConv& k, const V* x, int r, int c, const float* w, V (&a)[OB][P]) {
  if (readsMap(INPUT)) accumulateMap3<OB, P, INPUT == kSeenMap>(k, r, c, w, a);
  else if (INPUT == kScratch3) accumulate3<OB, P>(k, x, w, a);
  else if (INPUT == kScratch1) accumulate1<OB, P>(k, x, w, a);
  else if (kTilesByKernel) accumulateTaps<OB, P>(k, x, w, a);
  else if (k.colStep == 1 && k.kernelW == 3) accumulate3<OB, P>(k, x, w, a);
  else if (k.colStep == 1 && k.kernelW == 1 && k.kernelH == 1) accumulate1<OB, P>(k, x, w, a);
  else accumulateTaps<OB, P>(k, x, w, a);
}

// Pixels after which the next outputs take their turn: their inputs stay in L1, and the results of one output
// are written in runs.
INLINE int chunkOf(int inputs) { return maximum(16, 384 / inputs); }

// OB outputs from o on, over the pixels [c, end) of one row, P at a time.
template <int OB, int P, int INPUT, class Out>
__attribute__((noinline)) void tiles(const StripConv& k, const float* w, int o, int r, int c, int end, Out& out) {
  typename Out::Sums sums[OB];
  UNROLL for (int i = 0; i < OB; i++) sums[i] = out.load(o + i, r);
  const V* x = k.x + r * k.rowStep + c * k.colStep;
  for (; c + P <= end; c += P, x += P * k.colStep) {
    V a[OB][P];
    UNROLL for (int i = 0; i < OB; i++) UNROLL for (int p = 0; p < P; p++) a[i][p] = V{};
    accumulate<OB, P, INPUT>(k, x, r, c, w, a);
    UNROLL for (int i = 0; i < OB; i++) out.template store<P>(o + i, r, c, a[i], sums[i]);
  }
  UNROLL for (int i = 0; i < OB; i++) out.save(o + i, sums[i]);
}

template <int OB, int INPUT, class Out>
INLINE void tilesOfRow(const StripConv& k, const float* w, int o, int r, int c, int end, Out& out) {
  constexpr int P = OB <= 2 ? kPixelsNarrow : readsRows3(INPUT) ? kPixelsRows3 : kPixelsWide;
  int whole = c + (end - c) / P * P;
  if (whole > c) tiles<OB, P, INPUT>(k, w, o, r, c, whole, out);
  if (P > 2 && !readsMap(INPUT) && k.halves && whole + P / 2 <= end) {
    tiles<OB, P / 2, INPUT>(k, w, o, r, whole, whole + P / 2, out);
    whole += P / 2;
  }
  if (whole < end) tiles<OB, 1, INPUT>(k, w, o, r, whole, end, out);
}

// How often convolve asks for memory.
INLINE int64_t convolveCalls(int inputs, int outputs, int rows, int cols) {
  return int64_t(rows) * ceilDiv(cols, chunkOf(inputs)) * outputBlocks(outputs);
}

template <int INPUT, class Out>
void convolveKind(const StripConv& k, int outputs, int rows, int cols, Out& out) {
  const int taps = k.inputs * k.kernelH * k.kernelW, chunk = chunkOf(k.inputs);
  const int count = k.toBlock > 0 ? k.toBlock : outputBlocks(outputs);
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < cols; c += chunk) {
      int end = minimum(cols, c + chunk);
      const float* w = k.weights + int64_t(taps) * blockStart(outputs, k.fromBlock);
      for (int b = k.fromBlock; b < count; b++) {
        int o = blockStart(outputs, b), width = blockStart(outputs, b + 1) - o;
        if (k.requests) k.requests->ask();
        switch (width) {
          case 4: tilesOfRow<4, INPUT>(k, w, o, r, c, end, out); break;
          case 3: tilesOfRow<3, INPUT>(k, w, o, r, c, end, out); break;
          case 2: tilesOfRow<2, INPUT>(k, w, o, r, c, end, out); break;
          default: tilesOfRow<1, INPUT>(k, w, o, r, c, end, out);
        }
        w += taps * width;
      }
    }
  }
}

// All outputs of a group over rows x cols.
template <int INPUT, class Out>
void convolve(const StripConv& k, int outputs, int rows, int cols, Out& out) {
  const bool scratch = kTilesByKernel && INPUT == kScratch && k.colStep == 1;
  if (scratch && k.kernelW == 3) convolveKind<kScratch3>(k, outputs, rows, cols, out);
  else if (scratch && k.kernelW == 1 && k.kernelH == 1) convolveKind<kScratch1>(k, outputs, rows, cols, out);
  else convolveKind<INPUT>(k, outputs, rows, cols, out);
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
  Requests* requests;        // or null
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
INLINE void gradientColumns(const StripGradient& k, const V* g, const int* columns, int count, bool add,
                            float* out) {
  int j = 0;
  for (; j + kGradColumns <= count; j += kGradColumns) {
    if (k.requests) k.requests->ask();
    gradientTile<OB, kGradColumns>(k, g, columns + j, add, out + j, count);
  }
  for (; j + 2 <= count; j += 2) gradientTile<OB, 2>(k, g, columns + j, add, out + j, count);
  for (; j < count; j++) gradientTile<OB, 1>(k, g, columns + j, add, out + j, count);
}

// How often weightGradient asks for memory.
INLINE int64_t gradientCalls(int outputs, int columns, bool nine) {
  return int64_t(ceilDiv(outputs, nine ? kGrad9Outputs : kGradOutputs)) * maximum(1, columns / (nine ? 9 : kGradColumns));
}

// out[o][column] for all outputs and columns of a group; out is written, or added to.
inline void weightGradient(const StripGradient& k, int outputs, const int* columns, int count, bool nine,
                           int64_t rowStride, bool add, float* out) {
  int tileOutputs = nine ? kGrad9Outputs : kGradOutputs;
  for (int o = 0; o < outputs;) {
    const V* g = k.g + o * k.gradChannel;
    float* to = out + int64_t(o) * count;
    bool many = o + tileOutputs <= outputs;
    if (nine) {
      for (int j = 0; j < count; j += 9) {
        if (k.requests) k.requests->ask();
        if (many) gradientTile9<kGrad9Outputs>(k, g, columns[j], rowStride, add, to + j, count);
        else gradientTile9<1>(k, g, columns[j], rowStride, add, to + j, count);
      }
    } else if (many) {
      gradientColumns<kGradOutputs>(k, g, columns, count, add, to);
    } else {
      gradientColumns<1>(k, g, columns, count, add, to);
    }
    o += many ? tileOutputs : 1;
  }
}

}  // namespace
}  // namespace IGC_ISA
}  // namespace igc

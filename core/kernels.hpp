// What an instruction set provides: plain functions over plain arrays, so that only these are
// compiled several times. One step of one layer on one tile is the unit of work; the loops over
// time and layers are in tile.cpp.
//
// Letters: I inputs and H units of a layer, L lanes of a tile, O outputs of the network.
// Gates go unit by unit, [H][4][L], in the order i, f, g, o.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatecast {

// What the operands of the matrix products are rounded to. Sums, states and weights are float32.
enum class Precision { kFloat32, kBfloat16 };

struct LayerShape {
  int inputs, units;
  bool first;  // its input is the network's, not the state of a layer below

  // A narrow input is cheaper to reduce lane by lane than to transpose; it is always float32.
  bool narrow() const { return first && inputs <= 4; }
};

// Arrays whose layout only the kernels know, by the room they take in floats.
struct LayerSizes {
  std::size_t state;    // h after a step, as the products read it: rows of L words
  std::size_t input;    // one step of the layer's input, likewise
  std::size_t saved;    // what the backward pass needs of a step: gates and the cell before it
  std::size_t delta;    // the loss's gradient at one step's pre-activations
  std::size_t scratch;  // for one step of lstm_backward_weights
  std::size_t forward, backward_hh, backward_ih;  // packed weights
  // The gradient, summed over tiles: a row for each gate, unit by unit.
  std::size_t sum_rows, weight_row, narrow_row, bias_row;
};

// The sums of one layer's gradient while tiles go by.
struct LayerSums {
  float *weight, *narrow, *bias;
};

// One array for each of some time steps, `stride` floats apart.
struct Steps {
  const float* data;
  std::ptrdiff_t stride;
  const float* at(int step) const { return data + step * stride; }
};

// A share of work that can be cut anywhere: number `index` of `count`.
struct Part {
  int index = 0, count = 1;
  int begin(int n) const { return int(std::int64_t(n) * index / count); }
  int end(int n) const { return int(std::int64_t(n) * (index + 1) / count); }
};

// Kernels for one width of tile and one precision.
struct TileKernels {
  int lanes;
  LayerSizes (*sizes)(LayerShape);

  // Before and after the lstm_ functions of one tile, on its thread, where the hardware has to be
  // set up; else null.
  void (*enter)();
  void (*leave)();

  // w_ih [4H][I], w_hh [4H][H], bias [4H], gate by gate
  void (*pack_forward)(LayerShape, Part, const float* w_ih, const float* w_hh, const float* bias,
                       float* packed);
  // weight [4H][K]
  void (*pack_backward)(int units, int K, Part, const float* weight, float* packed);

  // rows [n][L] of floats -> as products read them; null where that is the same
  void (*to_words)(int n, const float* rows, float* words);

  // One step. x: floats where narrow, else as products read them. c [H][L] becomes the new cell.
  // `saved` may be null. h [H][L] as floats is written beside `state` where to_words is not null.
  void (*lstm_forward)(LayerShape, const float* packed, const float* x, const float* state_before,
                       float* c, float* saved, float* state, float* h);
  // What lstm_forward saved, as floats [H][5][L]: i, f, g, o and the cell before.
  void (*lstm_saved)(int units, const float* saved, float* gates);
  // dh [H][L] -> delta; dc [H][L] in: from the step after; out: for the step before
  void (*lstm_backward_gates)(int units, const float* saved, const float* dh, float* dc,
                              float* delta);
  // out [K][L] = (or +=) weight transposed times delta
  void (*lstm_backward_input)(int units, int K, const float* packed, const float* delta, float* out,
                              bool add);
  // Adds to `sums` what some steps give. scratch: `steps` times sizes().scratch
  void (*lstm_backward_weights)(LayerShape, int steps, Steps delta, Steps x, Steps state_before,
                                LayerSums sums, float* scratch);
  // From `sums` to the parameters' own layout, gate by gate; overwrites the destination.
  void (*lstm_reduce)(LayerShape, Part, LayerSums sums, float* w_ih, float* w_hh, float* bias);

  // out [O][L] from h [H][L], weight [O][H], bias [O]
  void (*dense_forward)(int H, int O, const float* weight, const float* bias, const float* h,
                        float* out);
  // dh [H][L] is overwritten; weight_sum [O][H] and bias_sum [O] are added to
  void (*dense_backward)(int H, int O, const float* weight, const float* dout, const float* h,
                         float* dh, float* weight_sum, float* bias_sum);
};

// One series at a time, float32: vectors run over the units instead of over lanes.
struct SeriesKernels {
  // Floats in the packed weights and in a state.
  std::size_t (*packed_size)(LayerShape);
  std::size_t (*state_size)(LayerShape);
  void (*pack)(LayerShape, const float* w_ih, const float* w_hh, const float* bias, float* packed);
  // x [I]; h and c become the next state. h_next is another array than h.
  void (*lstm_step)(LayerShape, const float* packed, const float* x, const float* h, float* c,
                    float* h_next);
  // out [O] from h [H], weight [O][H], bias [O]
  void (*dense)(int H, int O, const float* weight, const float* bias, const float* h, float* out);
};

struct AdamStep {
  float learning_rate, decay, beta1, beta2, epsilon;
  float correction1, correction2;  // 1 / (1 - beta^t)
};

struct Kernels {
  const char* name;
  const char* bfloat16_by;  // what multiplies bfloat16
  bool bfloat16_pays;  // whether it is surely faster than float32 for networks that are not tiny
  int width;           // floats in a vector
  struct Tiles {
    TileKernels narrow, wide;  // one and two vectors
  } float32, bfloat16;
  SeriesKernels series;

  // Those for a batch of n windows: two whole tiles at least where a set has a narrow one, so that
  // a small batch still feeds two threads. Nothing but n decides, so that the number of threads
  // changes no sum.
  const TileKernels& tiles(Precision precision, std::int64_t n) const {
    const Tiles& t = precision == Precision::kFloat32 ? float32 : bfloat16;
    return n < 2 * t.wide.lanes ? t.narrow : t.wide;
  }

  // Over n values, n a multiple of 64; `gradient` is first multiplied by `scale`.
  void (*adam)(AdamStep, float scale, std::size_t n, float* parameters, const float* gradient,
               float* mean, float* square);
  void (*rmsprop)(float learning_rate, float decay, float alpha, float epsilon, float scale,
                  std::size_t n, float* parameters, const float* gradient, float* square);
  // The same bits on every instruction set, n a multiple of 16: what initial weights are made with.
  float (*dot)(std::size_t n, const float* a, const float* b);
  void (*subtract)(std::size_t n, float scale, const float* from, float* to);
  // to [n] += from [n]
  void (*add)(std::size_t n, const float* from, float* to);
  // The sum of squares of n values, n a multiple of 16.
  double (*sum_of_squares)(std::size_t n, const float* values);
};

extern const Kernels kPortableKernels;
#if GATECAST_X86
extern const Kernels kAvx2Kernels, kAvx512Kernels, kAvx512Bf16Kernels, kAmxKernels;
#elif GATECAST_NEON
extern const Kernels kNeonKernels;
#endif

}  // namespace gatecast

// What an instruction set provides: plain functions over plain arrays, so that only these are
// compiled several times. One step of one layer on one tile is the unit of work; the loops over
// time and layers are in tile.cpp.
//
// Letters: I inputs and H units of a layer, L lanes of a tile, O outputs of the network.
// Gates are stored unit by unit, [H][4][L], in the order i, f, g, o.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatecast {

struct LayerShape {
  int inputs, units;

  // A narrow input is cheaper to reduce lane by lane than to transpose.
  bool narrow() const { return inputs <= 4; }
};

// The sums of one layer's gradient while the tiles of a slot go by, in the kernels' own layout.
struct LayerSums {
  float* recurrent;  // [4H][H padded to whole vectors], rows unit by unit
  float* input;      // [4H][I padded]; narrow input: [4H][I][L], a sum per lane
  float* bias;       // [4H][L], a sum per lane
};

// Kernels for one width of tile.
struct TileKernels {
  int lanes;

  // packed: forward_size floats from w_ih [4H][I], w_hh [4H][H], bias [4H] (gate by gate)
  void (*pack_forward)(LayerShape, const float* w_ih, const float* w_hh, const float* bias,
                       float* packed);
  // packed: 4 H * K floats from a weight [4H][K] (gate by gate)
  void (*pack_backward)(int units, int K, const float* weight, float* packed);

  // x [I][L], h_before and c_before [H][L] -> gates [H][4][L], c and h [H][L]
  void (*lstm_forward)(LayerShape, const float* packed, const float* x, const float* h_before,
                       const float* c_before, float* gates, float* c, float* h);
  // gates -> in place the loss's gradient with respect to their pre-activations;
  // dc [H][L] in: from the step after; out: for the step before
  void (*lstm_backward_gates)(int units, float* gates, const float* c, const float* c_before,
                              const float* dh, float* dc);
  // out [K][L] = (or +=) weight transposed times delta [4H][L]
  void (*lstm_backward_input)(int units, int K, const float* packed, const float* delta, float* out,
                              bool add);
  // scratch: L * max(I, H) padded floats
  void (*lstm_backward_weights)(LayerShape, const float* delta, const float* x,
                                const float* h_before, LayerSums sums, float* scratch);
  // From `sums` to the parameters' own layout, gate by gate; overwrites the destination.
  void (*lstm_reduce)(LayerShape, LayerSums sums, float* w_ih, float* w_hh, float* bias);

  // out [O][L] from h [H][L], weight [O][H], bias [O]
  void (*dense_forward)(int H, int O, const float* weight, const float* bias, const float* h,
                        float* out);
  // dh [H][L] is overwritten; weight_sum [O][H] and bias_sum [O] are added to
  void (*dense_backward)(int H, int O, const float* weight, const float* dout, const float* h,
                         float* dh, float* weight_sum, float* bias_sum);
};

struct AdamStep {
  float learning_rate, decay, beta1, beta2, epsilon;
  float correction1, correction2;  // 1 / (1 - beta^t)
};

struct Kernels {
  const char* name;
  int width;                 // floats in a vector
  TileKernels narrow, wide;  // tiles of one and of two vectors

  // Those for a batch of n windows: two whole tiles at least, so that a small batch still feeds two
  // threads. Nothing but n decides, so that the number of threads changes no sum.
  const TileKernels& for_batch(std::int64_t n) const { return n < 2 * wide.lanes ? narrow : wide; }

  // Over n values, n a multiple of 64; `gradient` is first multiplied by `scale`.
  void (*adam)(AdamStep, float scale, std::size_t n, float* parameters, const float* gradient,
               float* mean, float* square);
  void (*rmsprop)(float learning_rate, float decay, float alpha, float epsilon, float scale,
                  std::size_t n, float* parameters, const float* gradient, float* square);
};

extern const Kernels kPortableKernels;
#if GATECAST_X86
extern const Kernels kAvx2Kernels, kAvx512Kernels;
#endif

}  // namespace gatecast

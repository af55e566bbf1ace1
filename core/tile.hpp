// A network on one tile of windows: all steps, all layers, forward and back, on one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "memory.hpp"
#include "network.hpp"
#include "window.hpp"
#include "workers.hpp"

namespace gatecast {

// A network's parameters in the order in which the kernels of one tile width read them.
class PackedWeights {
 public:
  PackedWeights(const Network& network, const TileKernels& kernels, bool backward);
  // `parameters` stays in use: the head is read from it directly.
  void pack(const float* parameters, Workers& workers);

 private:
  friend class Tile;
  struct Layer {
    Floats forward, backward_hh, backward_ih;
  };
  const Network& network_;
  const TileKernels& kernels_;
  bool backward_;
  std::vector<Layer> layers_;
  const float *head_weight_ = nullptr, *head_bias_ = nullptr;
};

// A sum of gradients over some tiles, in the kernels' layout.
class GradientSums {
 public:
  GradientSums(const Network& network, const TileKernels& kernels);
  void clear() { sums_.clear(); }
  // Writes the sum of the first n of `all`, in their order, as a gradient [network.size] in the
  // parameters' order; all[0] is changed.
  static void reduce(std::vector<GradientSums>& all, int n, float* gradient, Workers& workers);

 private:
  friend class Tile;
  const Network& network_;
  const TileKernels& kernels_;
  Floats sums_;
  std::vector<LayerSums> layers_;
  float *head_weight_ = nullptr, *head_bias_ = nullptr;
};

// Inter-layer dropout of one training step: which activations are dropped depends on the seed, the
// step, and the window's place in its batch, so not on tiles or threads.
struct Dropout {
  std::uint64_t seed;
  std::uint32_t step;

  // 0 or 1 / (1 - p), for the output `unit` of layer `layer` at time t for window n of the batch.
  class Mask {
   public:
    Mask(Dropout dropout, int layer, int T, int H, float p);
    float operator()(std::uint32_t n, int t, int unit) const;

   private:
    std::uint32_t key_, threshold_, T_, H_;
    float keep_;
  };
};

class Tile {
 public:
  // With `training`, every step's state is kept for backward().
  Tile(const Network& network, const TileKernels& kernels, int T, int horizon, bool training);

  TileInput input() { return {x_.data(), targets_.data(), weights_.data(), starts_.data()}; }
  const float* targets() const { return targets_.data(); }
  const float* weights() const { return weights_.data(); }
  float* outputs() { return outputs_.data(); }                  // [O][L], after forward()
  float* output_gradient() { return output_gradient_.data(); }  // [O][L], before backward()

  // From input() to outputs(). `first` is the place of lane 0 in the batch.
  void forward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first);
  // From output_gradient(), after forward() with the same arguments; adds to `sums`.
  void backward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first,
                GradientSums& sums);

 private:
  struct Layer {
    LayerSizes sizes;
    Floats states;  // [T + 1] states, the first before the first step; two in turn without training
    Floats h;       // [H][L], the newest state as floats where `states` holds something else
    Floats c;       // [H][L]
    Floats inputs;  // [T] inputs, where they are not the states below as they are
    Floats saved;   // [T]
    Floats deltas;  // [chunk]
    Floats dh, dc;  // [H][L]
  };
  // State after step t of one layer; t = -1 is before the first.
  float* state(int layer, int t) {
    return layers_[layer].states.data() +
           std::size_t(training_ ? t + 1 : (t + 1) % 2) * layers_[layer].sizes.state;
  }
  // The newest h [H][L] as floats.
  float* h(int layer, int t) {
    return kernels_.to_words ? layers_[layer].h.data() : state(layer, t);
  }
  // The place of step t among those that the head reads, below 0 before them; and its outputs.
  int head_step(int t) const { return t - T_ + network_.head_steps; }
  std::size_t head_output(int t) const {
    return std::size_t(head_step(t)) * network_.head_outputs() * kernels_.lanes;
  }
  // What the head read at step t, as floats [H][L], for the backward pass.
  float* head_input(int t);
  // A layer's input at step t as its products read it; the next step's lies sizes.input behind it.
  const float* input(int layer, int t, bool dropped);
  void write_input(int layer, int t, const Dropout* dropout, std::uint32_t first);
  // Zeroes the state and cell of the lanes whose sequence begins at step t.
  void begin_lanes(int t, float* rows, std::size_t n_rows) const;
  void accumulate_weights(int first_step, int steps, bool dropped, GradientSums& sums);

  const Network& network_;
  const TileKernels& kernels_;
  int T_, chunk_;
  bool training_;
  Floats x_, targets_, weights_, outputs_, output_gradient_, scratch_, masked_;
  Floats head_inputs_;    // [head_steps][H][L], where states are not floats
  Floats head_gradient_;  // [H][L]
  std::vector<int> starts_;
  std::vector<Layer> layers_;
};

}  // namespace gatecast

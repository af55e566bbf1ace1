// A network on one tile of windows: all steps, all layers, forward and back, on one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "memory.hpp"
#include "network.hpp"
#include "window.hpp"

namespace gatecast {

// A network's parameters in the order in which the kernels of one tile width read them.
class PackedWeights {
 public:
  PackedWeights(const Network& network, const TileKernels& kernels, bool backward);
  // `parameters` stays in use: the head is read from it directly.
  void pack(const float* parameters);

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
  GradientSums(const Network& network, const Kernels& kernels, const TileKernels& tile);
  void clear() { sums_.clear(); }
  void add(const GradientSums& other);
  // Writes the gradient [network.size] in the parameters' order.
  void reduce(float* gradient) const;

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
  // State after step t of one layer; t = -1 is before the first.
  float* h(int layer, int t) { return h_[layer].data() + state(t) * state_size(layer); }
  float* c(int layer, int t) { return c_[layer].data() + state(t) * state_size(layer); }
  float* gates(int layer, int t) {
    return gates_[layer].data() + (training_ ? t : 0) * 4 * state_size(layer);
  }
  std::size_t state(int t) const { return std::size_t(training_ ? t + 1 : (t + 1) % 2); }
  std::size_t state_size(int layer) const {
    return std::size_t(network_.layers[layer].units) * kernels_.lanes;
  }
  const float* layer_input(int layer, int t, const Dropout* dropout);
  void drop(int layer, int t, const Dropout& dropout, std::uint32_t first);
  // Zeroes both states of the lanes whose sequence begins at step t.
  void begin_lanes(int t, float* one, float* other, int units) const;

  const Network& network_;
  const TileKernels& kernels_;
  int T_;
  bool training_;
  std::uint32_t first_ = 0;
  Floats x_, targets_, weights_, outputs_, output_gradient_, scratch_, dropped_gradient_;
  std::vector<int> starts_;
  std::vector<Floats> gates_, c_, h_;  // by layer, [T][H][4][L], [T + 1][H][L] twice
  std::vector<Floats> dropped_;        // by layer above the first: its input after dropout
  std::vector<Floats> dh_, dc_;        // by layer, [H][L]
};

}  // namespace gatecast

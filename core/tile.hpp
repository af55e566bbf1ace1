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

// How far a tile goes: to its outputs; back to the weights; back to the network's inputs too.
enum class Pass { kForward, kBackward, kToInputs };

// A network's parameters in the order in which the kernels of one tile width read them.
class PackedWeights {
 public:
  PackedWeights(const Network& network, const TileKernels& kernels, Pass pass);
  // `parameters` stays in use: the head is read from it directly.
  void pack(const float* parameters, Workers& workers);

 private:
  friend class Tile;
  struct Layer {
    Floats forward, backward_hh, backward_ih;
  };
  const Network& network_;
  const TileKernels& kernels_;
  Pass pass_;
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

// Dropout of one training step, of what layers and the head read of the layers below: which
// activations are dropped depends on the seed, the step, and the window's place in its batch, so
// not on tiles or threads.
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

// What a layer did at one step in one lane, [H] each.
struct StepTrace {
  float *input, *forget, *candidate, *output, *cell, *hidden;
};

class Tile {
 public:
  // With room for `most` time steps and `targets` targets. But for Pass::kForward every step's
  // state is kept for backward().
  Tile(const Network& network, const TileKernels& kernels, int most, int targets, Pass pass);

  // How many steps the next forward() takes: the most that there is room for, unless told.
  void set_steps(int T) { T_ = T; }
  int steps() const { return T_; }
  TileInput input() { return {x_.data(), targets_.data(), weights_.data(), starts_.data()}; }
  const float* x() const { return x_.data(); }
  const float* targets() const { return targets_.data(); }
  const float* weights() const { return weights_.data(); }
  float* outputs() { return outputs_.data(); }                  // [O][L], after forward()
  float* output_gradient() { return output_gradient_.data(); }  // [O][L], before backward()
  const float* input_gradient() const { return input_gradient_.data(); }  // [T][I][L], after it

  // From input() to outputs(). `first` is the place of lane 0 in the batch.
  void forward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first);
  // From output_gradient(), after forward() with the same arguments; adds to `sums`.
  void backward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first,
                GradientSums& sums);
  // After forward() of a tile that keeps every step. Where operands are bfloat16, so is what is
  // kept.
  void read_step(int layer, int t, int lane, StepTrace out);

 private:
  struct Layer {
    LayerSizes sizes;
    int kept;       // states: all d + T, the first d before the first step; or d + 1 in turn
    Floats states;  // [kept]
    Floats h;       // [H][L], the newest state as floats where `states` holds something else
    Floats c;       // [d][H][L], those of the last d steps in turn
    Floats inputs;  // [T] inputs, where they are not the states below as they are
    Floats saved;   // [T]
    Floats deltas;  // [chunk]
    Floats dh, dc;  // [d] of `rows` floats, likewise in turn: the slot of step t is that of t - d
    std::size_t rows;
  };
  // State after step t of one layer; t = -d ... -1 are before the first.
  float* state(int layer, int t) {
    const int d = network_.layers[layer].dilation, kept = layers_[layer].kept;
    return layers_[layer].states.data() + std::size_t((t + d) % kept) * layers_[layer].sizes.state;
  }
  // The newest h [H][L] as floats.
  float* h(int layer, int t) {
    return kernels_.to_words ? layers_[layer].h.data() : state(layer, t);
  }
  float* cell(int layer, int t) {
    const Network::Layer& shape = network_.layers[layer];
    return layers_[layer].c.data() + std::size_t(t % shape.dilation) * shape.units * kernels_.lanes;
  }
  float* slot(Floats& of, int layer, int t) {
    return of.data() + std::size_t(t % network_.layers[layer].dilation) * layers_[layer].rows;
  }
  bool training() const { return pass_ != Pass::kForward; }
  // The place of step t among those that the head reads, below 0 before them; and its outputs.
  int head_step(int t) const { return t - T_ + network_.head_reads(T_); }
  std::size_t head_output(int t) const {
    return std::size_t(head_step(t)) * network_.head_outputs() * kernels_.lanes;
  }
  // What the head read at step t, as floats [H][L], for the backward pass.
  float* head_input(int t);
  // A layer's input at step t as its products read it; the next step's lies sizes.input behind it.
  const float* input(int layer, int t, bool dropped);
  bool writes_input(int layer, bool dropped) const;
  void write_input(int layer, int t, const Dropout* dropout, std::uint32_t first);
  // The sum of what the blocks below `layer` put out at step t, [H][L].
  const float* blocks_below(int layer, int t);
  // Zeroes rows of what a lane was before it began: at a step t that looks d steps back.
  void begin_lanes(int t, int d, float* rows, std::size_t n_rows) const;
  // Drops what the head reads, or the gradient there.
  void drop_head(const Dropout& dropout, int t, std::uint32_t first, float* rows) const;
  void backward_layer(int layer, int t, const PackedWeights& weights, const Dropout* dropout,
                      std::uint32_t first, int last_start);
  void accumulate_weights(int first_step, int steps, bool dropped, GradientSums& sums);

  const Network& network_;
  const TileKernels& kernels_;
  int T_, chunk_;
  Pass pass_;
  Floats x_, targets_, weights_, outputs_, output_gradient_, scratch_, masked_;
  Floats input_gradient_;  // [T][I][L]
  Floats head_inputs_;     // [head_steps][H][L], where they are not the top layer's states
  Floats head_gradient_;   // [H][L]
  Floats sum_;             // [H][L], of blocks' outputs
  Floats below_;           // [I][L], what a layer hands down
  std::vector<int> starts_;
  std::vector<Layer> layers_;
};

}  // namespace gatecast
